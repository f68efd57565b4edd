import type { Tag } from './tags.ts';

// https://www.xiph.org/vorbis/doc/v-comment.html; the same bytes stand in FLAC files and in Ogg Vorbis streams.

const vendor = 'musicgen-service';

/** A Vorbis comment list, without the framing that a container puts around it. */
export function writeVorbisComment(tags: readonly Tag[]): Buffer {
  const entries = tags.map(({ name, value }) => withLength(`${name}=${value}`));
  return Buffer.concat([withLength(vendor), uint32(tags.length), ...entries]);
}

/** The values by name in capitals, of several with one name the last. Anything odd ends the reading. */
export function readVorbisComment(comment: Buffer): Map<string, string> {
  const values = new Map<string, string>();
  let offset = 0;
  const next = (): string | undefined => {
    if (offset + 4 > comment.length) return undefined;
    const end = offset + 4 + comment.readUInt32LE(offset);
    if (end > comment.length) return undefined;
    const text = comment.toString('utf8', offset + 4, end);
    offset = end;
    return text;
  };
  if (next() === undefined || offset + 4 > comment.length) return values;
  const count = comment.readUInt32LE(offset);
  offset += 4;
  for (let index = 0; index < count; index++) {
    const entry = next();
    if (entry === undefined) return values;
    const separator = entry.indexOf('=');
    values.set(entry.slice(0, separator).toUpperCase(), entry.slice(separator + 1));
  }
  return values;
}

function withLength(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

import type { Tag } from './tags.ts';

// The layout of both functions: ID3v2.4, https://id3.org/id3v2.4.0-structure and …-frames.

const tagHeaderBytes = 10;
const frameHeaderBytes = 10;
const utf8 = 3;

/** An ID3v2.4 tag: known frames where there are, `TXXX` for the rest, all in UTF-8. */
export function writeId3(tags: readonly Tag[]): Buffer {
  const frames = Buffer.concat(tags.map(frameOf));
  const header = Buffer.alloc(tagHeaderBytes);
  header.write('ID3', 'latin1');
  header[3] = 4;
  writeSynchsafe(header, frames.length, 6);
  return Buffer.concat([header, frames]);
}

function frameOf({ name, value, frame }: Tag): Buffer {
  switch (frame) {
    case 'COMM':
      // Language and an empty description come before the text.
      return frameWith('COMM', `eng\0${value}`);
    case 'TIT2':
    case 'TSSE':
      return frameWith(frame, value);
    case undefined:
      return frameWith('TXXX', `${name}\0${value}`);
    default:
      return frame satisfies never;
  }
}

function frameWith(id: string, text: string): Buffer {
  const content = Buffer.concat([Buffer.of(utf8), Buffer.from(text)]);
  const header = Buffer.alloc(frameHeaderBytes);
  header.write(id, 'latin1');
  writeSynchsafe(header, content.length, 4);
  return Buffer.concat([header, content]);
}

/** The length of what follows an ID3v2 header, or undefined when these ten bytes are none. */
export function id3Length(header: Buffer): number | undefined {
  if (header.length < tagHeaderBytes || header.toString('latin1', 0, 3) !== 'ID3') return undefined;
  return readSynchsafe(header, 6);
}

/** The `TXXX` values of an ID3v2.4 or 2.3 tag by description: where our own tags are. Anything odd ends the reading. */
export function readId3(tag: Buffer): Map<string, string> {
  const values = new Map<string, string>();
  const length = id3Length(tag);
  const version = tag[3];
  if (length === undefined || (version !== 3 && version !== 4)) return values;
  const end = Math.min(tag.length, tagHeaderBytes + length);
  let offset = tagHeaderBytes;
  while (offset + frameHeaderBytes < end) {
    const id = tag.toString('latin1', offset, offset + 4);
    const bytes = version === 4 ? readSynchsafe(tag, offset + 4) : tag.readUInt32BE(offset + 4);
    const content = tag.subarray(offset + frameHeaderBytes, Math.min(end, offset + frameHeaderBytes + bytes));
    // Padding is zeros.
    if (bytes === 0 || content.length < bytes) return values;
    if (id === 'TXXX') addUserText(values, content);
    offset += frameHeaderBytes + bytes;
  }
  return values;
}

function addUserText(values: Map<string, string>, content: Buffer): void {
  const text = decodeText(content);
  const separator = text.indexOf('\0');
  if (separator < 0) return;
  values.set(text.slice(0, separator).toUpperCase(), text.slice(separator + 1).replace(/\0+$/, ''));
}

/** Other programs write a tag anew in the encoding they like best: 0 Latin-1, 1 and 2 UTF-16, 3 UTF-8. */
function decodeText(content: Buffer): string {
  const text = content.subarray(1);
  if (content[0] === 0) return text.toString('latin1');
  if (content[0] === utf8) return text.toString('utf8');
  const bigEndian = content[0] === 2 || (text[0] === 0xfe && text[1] === 0xff);
  return new TextDecoder(bigEndian ? 'utf-16be' : 'utf-16le').decode(text).replaceAll('\uFEFF', '');
}

/** 28 bits in four bytes whose highest bit is 0, so that no byte looks like the start of an MP3 frame. */
function writeSynchsafe(target: Buffer, value: number, offset: number): void {
  for (let index = 0; index < 4; index++) target[offset + index] = (value >>> (7 * (3 - index))) & 0x7f;
}

function readSynchsafe(source: Buffer, offset: number): number {
  let value = 0;
  for (let index = 0; index < 4; index++) value = (value << 7) | (source.readUInt8(offset + index) & 0x7f);
  return value;
}

import { type AudioFormat, type Inspection, ServiceError } from '@musicgen/contract';
import { type ByteSource, createByteSource } from './byte-source.ts';
import { id3Length, readId3 } from './id3.ts';
import { pageHeaderBytes, segmentCountOf } from './ogg-pages.ts';
import { provenanceIn } from './tags.ts';
import { readVorbisComment } from './vorbis-comment.ts';

/** Larger tags are not ours: the longest prompt makes some 30 kB. Covers of albums are passed over. */
const largestTagBytes = 256 * 1024;

/**
 * Reads what a WAV, FLAC, MP3 or Ogg Vorbis file was made from, while it passes by: at most the tags are in memory.
 * @throws ServiceError `unreadable_audio` for any other kind of file.
 */
export async function readProvenance(file: AsyncIterable<Uint8Array>): Promise<Inspection> {
  const source = createByteSource(file);
  const start = await source.read(4);
  const format = formatOf(start);
  if (format === undefined) {
    throw new ServiceError('unreadable_audio', 'The file is none of WAV, FLAC, MP3 and Ogg.');
  }
  const values = await readers[format](source, start);
  return { format, made_by: provenanceIn(values) ?? null };
}

function formatOf(start: Buffer): AudioFormat | undefined {
  const text = start.toString('latin1');
  if (text === 'RIFF') return 'wav';
  if (text === 'fLaC') return 'flac';
  if (text === 'OggS') return 'ogg';
  // An MPEG frame begins with eleven ones.
  const isFrame = start.length === 4 && start[0] === 0xff && (start.readUInt8(1) & 0xe0) === 0xe0;
  return text.startsWith('ID3') || isFrame ? 'mp3' : undefined;
}

type Values = Map<string, string>;

const readers: Record<AudioFormat, (source: ByteSource, start: Buffer) => Promise<Values>> = {
  wav: readWav,
  flac: readFlac,
  mp3: readMp3,
  ogg: readOgg,
};

async function readWav(source: ByteSource): Promise<Values> {
  await source.skip(8);
  for (;;) {
    const header = await source.read(8);
    if (header.length < 8) return new Map();
    const bytes = header.readUInt32LE(4);
    if (header.toString('latin1', 0, 4).toLowerCase() === 'id3 ')
      return readId3(await readTag(source, bytes));
    await source.skip(bytes + (bytes % 2));
  }
}

async function readFlac(source: ByteSource): Promise<Values> {
  for (;;) {
    const header = await source.read(4);
    if (header.length < 4) return new Map();
    const type = header.readUInt8(0) & 0x7f;
    const bytes = header.readUIntBE(1, 3);
    if (type === 4) return readVorbisComment(await readTag(source, bytes));
    if (header.readUInt8(0) > 0x7f) return new Map();
    await source.skip(bytes);
  }
}

async function readMp3(source: ByteSource, start: Buffer): Promise<Values> {
  const header = Buffer.concat([start, await source.read(6)]);
  const bytes = id3Length(header);
  if (bytes === undefined) return new Map();
  return readId3(Buffer.concat([header, await readTag(source, bytes)]));
}

/** The comment is the second packet: it begins on the second page and may go on over several. */
async function readOgg(source: ByteSource, start: Buffer): Promise<Values> {
  await readPage(source, start);
  const parts: Buffer[] = [];
  for (let bytes = 0; bytes < largestTagBytes; ) {
    const page = await readPage(source, await source.read(4));
    if (page === undefined) break;
    const length = page.lengths.findIndex((segment) => segment < 255);
    const isLast = length >= 0;
    const ofPacket = page.lengths.slice(0, isLast ? length + 1 : undefined);
    parts.push(page.content.subarray(0, sum(ofPacket)));
    bytes += page.content.length;
    if (isLast) break;
  }
  const packet = Buffer.concat(parts);
  const isComment = packet.toString('latin1', 0, 7) === '\x03vorbis';
  return isComment ? readVorbisComment(packet.subarray(7)) : new Map();
}

async function readPage(source: ByteSource, start: Buffer) {
  const header = Buffer.concat([start, await source.read(pageHeaderBytes - start.length)]);
  const count = header.length < pageHeaderBytes ? undefined : segmentCountOf(header);
  if (count === undefined) return undefined;
  const lengths = [...(await source.read(count))];
  return { lengths, content: await source.read(sum(lengths)) };
}

/** The bytes of a tag, or none when it is larger than any of ours. */
async function readTag(source: ByteSource, bytes: number): Promise<Buffer> {
  return bytes <= largestTagBytes ? source.read(bytes) : Buffer.alloc(0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

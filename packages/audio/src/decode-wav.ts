import { ServiceError } from '@musicgen/contract';
import { type Chunk, findChunk } from './riff.ts';

/** Samples as every function of this package takes them: one array a channel, nominally in [-1, 1]. */
export interface DecodedAudio {
  /** `[channels][samples]` */
  samples: Float32Array[];
  sampleRate: number;
}

const wavLimits = { channels: 8, minSampleRate: 1_000, maxSampleRate: 384_000 };

const formatTags = { pcm: 1, float: 3, extensible: 0xfffe };

interface WavFormat {
  tag: number;
  channels: number;
  sampleRate: number;
  bitsPerSample: number;
}

/** Reads the sample that begins at a byte offset, scaled to [-1, 1). */
type SampleReader = (data: Buffer, offset: number) => number;

const readers: Record<string, SampleReader> = {
  'pcm 16': (data, offset) => data.readInt16LE(offset) / 0x8000,
  'pcm 24': (data, offset) => data.readIntLE(offset, 3) / 0x80_0000,
  'pcm 32': (data, offset) => data.readInt32LE(offset) / 0x8000_0000,
  'float 32': (data, offset) => data.readFloatLE(offset),
};

/**
 * Decodes a WAV file: PCM of 16, 24 or 32 bits or 32-bit float, 1 to 8 channels, also with the extensible header.
 * Memory is bounded by the file: 4 bytes for each of its samples.
 * @throws ServiceError `unreadable_audio`, saying what about the file is not accepted.
 */
export function decodeWav(file: Uint8Array): DecodedAudio {
  const { format, read, length, data } = readHeader(file, file.length);
  const bytesPerSample = format.bitsPerSample / 8;
  const bytesPerFrame = bytesPerSample * format.channels;
  const samples = Array.from({ length: format.channels }, (_, channel) => {
    const decoded = new Float32Array(length);
    for (let index = 0; index < length; index++)
      decoded[index] = read(data, index * bytesPerFrame + channel * bytesPerSample);
    return decoded;
  });
  if (format.tag === formatTags.float && !samples.every(isFinite32))
    throw refusal('it holds samples that are not numbers');
  return { samples, sampleRate: format.sampleRate };
}

/** What the header of a WAV file says about its audio. */
export interface WavDescription {
  channels: number;
  sampleRate: number;
  /** Of audio. */
  seconds: number;
}

/**
 * Tells from the first bytes of a WAV file whether `decodeWav` will read it, but for samples that are not numbers.
 * @param start as much of the file as holds everything before its samples
 * @param fileBytes how long the whole file is
 * @throws ServiceError as `decodeWav`.
 */
export function describeWav(start: Uint8Array, fileBytes: number): WavDescription {
  const { format, length } = readHeader(start, fileBytes);
  const { channels, sampleRate } = format;
  return { channels, sampleRate, seconds: length / sampleRate };
}

interface WavHeader {
  format: WavFormat;
  read: SampleReader;
  /** Samples of each channel. */
  length: number;
  /** As much of the samples as is there. */
  data: Buffer;
}

function readHeader(start: Uint8Array, fileBytes: number): WavHeader {
  const buffer = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  if (
    buffer.length < 12 ||
    buffer.toString('latin1', 0, 4) !== 'RIFF' ||
    buffer.toString('latin1', 8, 12) !== 'WAVE'
  )
    throw refusal('it does not begin with a RIFF/WAVE header');
  const format = readFormat(findChunk(buffer, 'fmt '));
  const read = readerOf(format);
  const chunk = findChunk(buffer, 'data');
  const dataBytes = dataBytesOf(chunk, { missingBytes: fileBytes - buffer.length });
  const length = Math.floor(dataBytes / ((format.bitsPerSample / 8) * format.channels));
  if (length === 0) throw refusal('it holds no samples');
  return { format, read, length, data: chunk?.content ?? Buffer.alloc(0) };
}

function readFormat(chunk: Chunk | undefined): WavFormat {
  if (chunk === undefined) throw refusal('it has no fmt chunk');
  const { content } = chunk;
  if (content.length < 16) throw refusal('its fmt chunk is too short');
  const tag = content.readUInt16LE(0);
  const format = {
    // The extensible header's GUID begins with the tag it stands for.
    tag: tag === formatTags.extensible && content.length >= 40 ? content.readUInt16LE(24) : tag,
    channels: content.readUInt16LE(2),
    sampleRate: content.readUInt32LE(4),
    bitsPerSample: content.readUInt16LE(14),
  };
  if (format.channels < 1 || format.channels > wavLimits.channels)
    throw refusal(`it has ${format.channels} channels; 1 to ${wavLimits.channels} are accepted`);
  if (format.sampleRate < wavLimits.minSampleRate || format.sampleRate > wavLimits.maxSampleRate)
    throw refusal(
      `its sample rate is ${format.sampleRate} Hz; ${wavLimits.minSampleRate} to ${wavLimits.maxSampleRate} Hz are accepted`,
    );
  return format;
}

function readerOf({ tag, bitsPerSample }: WavFormat): SampleReader {
  const kind = tag === formatTags.pcm ? 'pcm' : tag === formatTags.float ? 'float' : `format ${tag}`;
  const reader = readers[`${kind} ${bitsPerSample}`];
  if (reader !== undefined) return reader;
  throw refusal(
    `its samples are ${kind} of ${bitsPerSample} bits; PCM of 16, 24 or 32 bits and float of 32 bits are accepted`,
  );
}

/** What writes to a pipe cannot know the length and claims the largest one. */
const unknownLength = 0xffff_ffff;

/** How many bytes of samples the whole file has. */
function dataBytesOf(chunk: Chunk | undefined, { missingBytes }: { missingBytes: number }): number {
  if (chunk === undefined) {
    const where = missingBytes > 0 ? ' near its beginning' : '';
    throw refusal(`it has no data chunk${where}`);
  }
  const { claimedBytes, content } = chunk;
  if (claimedBytes <= content.length) return claimedBytes;
  const availableBytes = content.length + missingBytes;
  if (claimedBytes > availableBytes && claimedBytes !== unknownLength)
    throw refusal('it breaks off in the middle of its samples');
  return Math.min(claimedBytes, availableBytes);
}

function isFinite32(samples: Float32Array): boolean {
  return samples.every(Number.isFinite);
}

function refusal(because: string): ServiceError {
  return new ServiceError('unreadable_audio', `The WAV file cannot be read: ${because}.`);
}

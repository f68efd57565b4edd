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
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (
    buffer.length < 12 ||
    buffer.toString('latin1', 0, 4) !== 'RIFF' ||
    buffer.toString('latin1', 8, 12) !== 'WAVE'
  )
    throw refusal('it does not begin with a RIFF/WAVE header');
  const format = readFormat(findChunk(buffer, 'fmt '));
  const read = readerOf(format);
  const data = dataOf(findChunk(buffer, 'data'));

  const bytesPerSample = format.bitsPerSample / 8;
  const bytesPerFrame = bytesPerSample * format.channels;
  const length = Math.floor(data.length / bytesPerFrame);
  if (length === 0) throw refusal('it holds no samples');
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

function dataOf(chunk: Chunk | undefined): Buffer {
  if (chunk === undefined) throw refusal('it has no data chunk');
  if (chunk.claimedBytes > chunk.content.length && chunk.claimedBytes !== unknownLength)
    throw refusal('it breaks off in the middle of its samples');
  return chunk.content;
}

function isFinite32(samples: Float32Array): boolean {
  return samples.every(Number.isFinite);
}

function refusal(because: string): ServiceError {
  return new ServiceError('unreadable_audio', `The WAV file cannot be read: ${because}.`);
}

import { writeId3 } from './id3.ts';
import { peakOf } from './level.ts';
import { writeChunk } from './riff.ts';
import type { Tag } from './tags.ts';

const headerBytes = 44;
const bytesPerSample = 2;
const pcm = 1;
const fullScale = 32_767;

export interface WavFile {
  file: Buffer;
  /** The largest absolute sample in the file; 1 is full scale. */
  peak: number;
  /** The part of the file that holds the samples. */
  audioBytes: Buffer;
}

/**
 * Encodes samples as a 16-bit PCM WAV file (RIFF, 44-byte header).
 *
 * A codec's output may exceed full scale; such a piece is made quieter as a whole, so that nothing clips.
 * Tags come after the samples, so that the audio begins at byte 44 whether there are any or not: for people and players
 * as LIST INFO, and again whole as an ID3v2.4 tag in an `id3 ` chunk, which taggers and audio editors read.
 * @param channels one array a channel, equally long, nominally in [-1, 1]: `[channels][samples]`.
 * @param sampleRate samples a second of each channel.
 * @throws RangeError when the channels differ in length.
 */
export function encodeWav(channels: Float32Array[], sampleRate: number, tags: readonly Tag[] = []): WavFile {
  const samples = channels[0]?.length ?? 0;
  if (channels.some((channel) => channel.length !== samples))
    throw new RangeError('The channels differ in length.');
  const dataBytes = samples * channels.length * bytesPerSample;
  const tagChunks = tags.length === 0 ? Buffer.alloc(0) : Buffer.concat([infoChunk(tags), id3Chunk(tags)]);
  const file = Buffer.alloc(headerBytes + dataBytes + tagChunks.length);
  writeHeader(file, { channelCount: channels.length, sampleRate, dataBytes });
  tagChunks.copy(file, headerBytes + dataBytes);

  const peak = peakOf(channels);
  const scale = fullScale / Math.max(1, peak);
  // WAV is little-endian, and so is every processor that ONNX Runtime has binaries for.
  const interleaved = new Int16Array(file.buffer, file.byteOffset + headerBytes, samples * channels.length);
  for (const [offset, channel] of channels.entries()) {
    for (let index = 0; index < samples; index++) {
      interleaved[index * channels.length + offset] = Math.round((channel[index] as number) * scale);
    }
  }
  const audioBytes = file.subarray(headerBytes, headerBytes + dataBytes);
  return { file, peak: Math.min(1, peak), audioBytes };
}

function writeHeader(
  file: Buffer,
  { channelCount, sampleRate, dataBytes }: { channelCount: number; sampleRate: number; dataBytes: number },
): void {
  const bytesPerFrame = channelCount * bytesPerSample;
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(file.length - 8, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(pcm, 20);
  file.writeUInt16LE(channelCount, 22);
  file.writeUInt32LE(sampleRate, 24);
  file.writeUInt32LE(sampleRate * bytesPerFrame, 28);
  file.writeUInt16LE(bytesPerFrame, 32);
  file.writeUInt16LE(bytesPerSample * 8, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(dataBytes, 40);
}

function infoChunk(tags: readonly Tag[]): Buffer {
  const chunks = tags.flatMap(({ infoChunk, value }) =>
    infoChunk === undefined ? [] : [writeChunk(infoChunk, Buffer.from(`${value}\0`))],
  );
  return writeChunk('LIST', Buffer.concat([Buffer.from('INFO', 'latin1'), ...chunks]));
}

function id3Chunk(tags: readonly Tag[]): Buffer {
  return writeChunk('id3 ', writeId3(tags));
}

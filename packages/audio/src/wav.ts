import { peakOf } from './level.ts';

const headerBytes = 44;
const bytesPerSample = 2;
const pcm = 1;
const fullScale = 32_767;

export interface WavFile {
  file: Buffer;
  /** The largest absolute sample in the file; 1 is full scale. */
  peak: number;
}

/**
 * Encodes samples as a 16-bit PCM WAV file (RIFF, 44-byte header).
 *
 * A codec's output may exceed full scale; such a piece is made quieter as a whole, so that nothing clips.
 * @param channels one array a channel, equally long, nominally in [-1, 1]: `[channels][samples]`.
 * @param sampleRate samples a second of each channel.
 * @throws RangeError when the channels differ in length.
 */
export function encodeWav(channels: Float32Array[], sampleRate: number): WavFile {
  const samples = channels[0]?.length ?? 0;
  if (channels.some((channel) => channel.length !== samples))
    throw new RangeError('The channels differ in length.');
  const dataBytes = samples * channels.length * bytesPerSample;
  const file = Buffer.alloc(headerBytes + dataBytes);
  writeHeader(file, { channelCount: channels.length, sampleRate, dataBytes });

  const peak = peakOf(channels);
  const scale = fullScale / Math.max(1, peak);
  // WAV is little-endian, and so is every processor that ONNX Runtime has binaries for.
  const interleaved = new Int16Array(file.buffer, file.byteOffset + headerBytes, samples * channels.length);
  for (const [offset, channel] of channels.entries()) {
    for (let index = 0; index < samples; index++) {
      interleaved[index * channels.length + offset] = Math.round((channel[index] as number) * scale);
    }
  }
  return { file, peak: Math.min(1, peak) };
}

function writeHeader(
  file: Buffer,
  { channelCount, sampleRate, dataBytes }: { channelCount: number; sampleRate: number; dataBytes: number },
): void {
  const bytesPerFrame = channelCount * bytesPerSample;
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(headerBytes - 8 + dataBytes, 4);
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

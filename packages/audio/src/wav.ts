import { peakOf } from './level.ts';

const headerBytes = 44;
const bytesPerSample = 2;
const pcm = 1;
const fullScale = 32_767;

/**
 * Encodes samples as a 16-bit PCM WAV file (RIFF, 44-byte header).
 *
 * A codec's output may exceed full scale; such a piece is made quieter as a whole, so that nothing clips.
 * @param channels one array a channel, equally long, nominally in [-1, 1]: `[channels][samples]`.
 * @param sampleRate samples a second of each channel.
 */
export function encodeWav(channels: Float32Array[], sampleRate: number): Buffer {
  const samples = channels[0]?.length ?? 0;
  if (channels.some((channel) => channel.length !== samples))
    throw new RangeError('The channels differ in length.');
  const dataBytes = samples * channels.length * bytesPerSample;
  const file = Buffer.alloc(headerBytes + dataBytes);
  writeHeader(file, { channelCount: channels.length, sampleRate, dataBytes });

  const scale = fullScale / Math.max(1, peakOf(channels));
  let offset = headerBytes;
  for (let index = 0; index < samples; index++) {
    for (const channel of channels) {
      offset = file.writeInt16LE(Math.round((channel[index] ?? 0) * scale), offset);
    }
  }
  return file;
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

import { createHash } from 'node:crypto';
import { decodeWav } from './decode-wav.ts';

/**
 * SHA-256 of the samples of a WAV file as 16-bit little-endian, interleaved: the `samples_sha256` of the task that made it.
 * @throws ServiceError `unreadable_audio`
 */
export function hashSamples(wav: Uint8Array): string {
  const { samples } = decodeWav(wav);
  const frames = samples[0]?.length ?? 0;
  const bytes = Buffer.alloc(frames * samples.length * 2);
  samples.forEach((channel, channelIndex) => {
    channel.forEach((sample, frame) => {
      const level = Math.max(-0x8000, Math.min(0x7fff, Math.round(sample * 0x8000)));
      bytes.writeInt16LE(level, (frame * samples.length + channelIndex) * 2);
    });
  });
  return createHash('sha256').update(bytes).digest('hex');
}

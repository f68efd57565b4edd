import { createMp3Encoder } from 'wasm-media-encoders';
import type { DecodedAudio } from './decode-wav.ts';
import { writeId3 } from './id3.ts';
import { blocksOf } from './sample-blocks.ts';
import type { Tag } from './tags.ts';

/**
 * Encodes MP3 with LAME behind an ID3v2.4 tag.
 *
 * At a constant bit rate, as this encoder writes no Xing header: with a variable one, players would guess the length.
 */
export async function encodeMp3(
  { samples, sampleRate }: DecodedAudio,
  tags: readonly Tag[],
): Promise<Buffer> {
  const encoder = await createMp3Encoder();
  const channels = samples.length === 1 ? 1 : 2;
  // Below 32 kHz the format (MPEG-2) goes up to 160 kbit/s only.
  const bitrate = sampleRate < 32_000 ? 128 : 192;
  encoder.configure({ channels, sampleRate, bitrate: channels === 1 ? halfOf[bitrate] : bitrate });
  const parts: Uint8Array[] = tags.length === 0 ? [] : [writeId3(tags)];
  // The encoder uses its output buffer again.
  for (const block of blocksOf(samples)) parts.push(encoder.encode(block).slice());
  parts.push(encoder.finalize().slice());
  return Buffer.concat(parts);
}

const halfOf = { 128: 64, 192: 96 } as const;

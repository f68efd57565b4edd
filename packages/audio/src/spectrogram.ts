import { createPowerSpectrum } from './fft.ts';
import { type Colour, encodePng } from './png.ts';

const width = 1024;
const height = 256;
const frameSamples = 2048;
const lowestHz = 40;
/** Quieter than this below the loudest point of the picture is its darkest colour. */
const rangeDb = 80;

/**
 * A picture of the frequencies over time, 1024 × 256: time from left to right, 40 Hz to half the sample rate from bottom
 * to top on the mel scale, brightness the level in decibels over the 80 dB below the loudest point. Channels are mixed.
 */
export function drawSpectrogram(channels: readonly Float32Array[], sampleRate: number): Buffer {
  const bands = melBands(sampleRate);
  const levels = new Float32Array(width * height);
  const spectrum = createPowerSpectrum(frameSamples);
  const frame = new Float64Array(frameSamples);
  const window = hannWindow();
  const length = channels[0]?.length ?? 0;
  for (let column = 0; column < width; column++) {
    const centre = ((column + 0.5) / width) * length;
    fillFrame(frame, channels, Math.round(centre - frameSamples / 2));
    for (let index = 0; index < frameSamples; index++)
      frame[index] = (frame[index] as number) * (window[index] as number);
    const power = spectrum(frame);
    for (let row = 0; row < height; row++) {
      levels[(height - 1 - row) * width + column] =
        10 * Math.log10(levelOf(power, bands[row] as Band) + 1e-12);
    }
  }
  return encodePng({ width, height, palette: inferno(), pixels: toPixels(levels) });
}

/** Mixes the channels into the frame that begins at a sample; outside the piece is silence. */
function fillFrame(frame: Float64Array, channels: readonly Float32Array[], start: number): void {
  for (let index = 0; index < frame.length; index++) {
    let sum = 0;
    for (const channel of channels) sum += channel[start + index] ?? 0;
    frame[index] = sum / channels.length;
  }
}

function hannWindow(): Float64Array {
  return Float64Array.from(
    { length: frameSamples },
    (_, index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * index) / frameSamples),
  );
}

/** The bins of the spectrum that a row shows; `end` is not included. */
interface Band {
  start: number;
  end: number;
}

/** One a row, from the bottom; low rows are narrower than a bin and share one. */
function melBands(sampleRate: number): Band[] {
  const [low, high] = [toMel(lowestHz), toMel(sampleRate / 2)];
  const binOf = (row: number) => (fromMel(low + ((high - low) * row) / height) * frameSamples) / sampleRate;
  return Array.from({ length: height }, (_, row) => {
    const start = Math.floor(binOf(row));
    return { start, end: Math.max(start + 1, Math.floor(binOf(row + 1))) };
  });
}

function levelOf(power: Float64Array, { start, end }: Band): number {
  let loudest = 0;
  for (let bin = start; bin < end; bin++) {
    const level = power[bin] as number;
    if (level > loudest) loudest = level;
  }
  return loudest;
}

/** O'Shaughnessy's formula, as HTK has it. */
function toMel(hertz: number): number {
  return 2595 * Math.log10(1 + hertz / 700);
}

function fromMel(mel: number): number {
  return 700 * (10 ** (mel / 2595) - 1);
}

function toPixels(levels: Float32Array): Uint8Array {
  let loudest = Number.NEGATIVE_INFINITY;
  for (const level of levels) loudest = Math.max(loudest, level);
  return Uint8Array.from(levels, (level) => {
    const share = 1 - (loudest - level) / rangeDb;
    return Math.round(255 * Math.max(0, Math.min(1, share)));
  });
}

/** Every 16th colour of matplotlib's `inferno` (CC0), which looks evenly brighter from step to step to every eye. */
const infernoStops: Colour[] = [
  [0x00, 0x00, 0x04],
  [0x0b, 0x07, 0x24],
  [0x21, 0x0c, 0x4a],
  [0x3d, 0x09, 0x65],
  [0x57, 0x10, 0x6e],
  [0x71, 0x19, 0x6e],
  [0x8a, 0x22, 0x6a],
  [0xa3, 0x2c, 0x61],
  [0xbc, 0x37, 0x54],
  [0xd2, 0x46, 0x44],
  [0xe4, 0x5a, 0x31],
  [0xf1, 0x73, 0x1d],
  [0xf9, 0x8e, 0x09],
  [0xfc, 0xac, 0x11],
  [0xf9, 0xcb, 0x35],
  [0xf2, 0xea, 0x69],
  [0xfc, 0xff, 0xa4],
];

function inferno(): Colour[] {
  return Array.from({ length: 256 }, (_, index) => {
    const position = (index / 255) * (infernoStops.length - 1);
    const stop = Math.min(infernoStops.length - 2, Math.floor(position));
    const [from, to] = [infernoStops[stop] as Colour, infernoStops[stop + 1] as Colour];
    const mix = (part: 0 | 1 | 2) => Math.round(from[part] + (to[part] - from[part]) * (position - stop));
    return [mix(0), mix(1), mix(2)] as const;
  });
}

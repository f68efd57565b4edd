import { inflateSync } from 'node:zlib';
import { createPowerSpectrum } from './fft.ts';
import { findPeaks, withFewerPoints } from './peaks.ts';
import { encodePng } from './png.ts';
import { drawSpectrogram } from './spectrogram.ts';
import { drawWaveform } from './waveform.ts';

// Once, as Jest's sandbox makes every use of a global slow.
const { sin, cos, PI } = Math;

function tone(hertz: number, { seconds, sampleRate }: { seconds: number; sampleRate: number }): Float32Array {
  const samples = new Float32Array(seconds * sampleRate);
  for (let index = 0; index < samples.length; index++)
    samples[index] = sin((2 * PI * hertz * index) / sampleRate);
  return samples;
}

describe('the power spectrum', () => {
  test('is that of the discrete Fourier transform by its definition', () => {
    const samples = Float64Array.from(
      { length: 64 },
      (_, index) => sin(index * index) + 0.3 * cos(3 * index),
    );
    const byDefinition = Array.from({ length: 33 }, (_, bin) => {
      let [re, im] = [0, 0];
      for (const [index, sample] of samples.entries()) {
        re += sample * cos((2 * PI * bin * index) / 64);
        im -= sample * sin((2 * PI * bin * index) / 64);
      }
      return re * re + im * im;
    });
    const power = createPowerSpectrum(64)(samples);
    expect(power.length).toBe(33);
    for (const [bin, expected] of byDefinition.entries()) expect(power[bin]).toBeCloseTo(expected, 8);
  });
});

/** The parts of a PNG file by type, each checked against its length only: readers check the rest. */
function readPng(file: Buffer) {
  const chunks = new Map<string, Buffer>();
  for (let offset = 8; offset < file.length; ) {
    const bytes = file.readUInt32BE(offset);
    chunks.set(
      file.toString('latin1', offset + 4, offset + 8),
      file.subarray(offset + 8, offset + 8 + bytes),
    );
    offset += 12 + bytes;
  }
  const header = chunks.get('IHDR') ?? Buffer.alloc(13);
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const rows = inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0));
  const pixel = (x: number, y: number) => rows[y * (width + 1) + 1 + x] as number;
  return { width, height, pixel, palette: chunks.get('PLTE') ?? Buffer.alloc(0) };
}

test('a PNG file is, byte for byte, what the format asks for', () => {
  const file = encodePng({ width: 1, height: 1, palette: [[255, 0, 0]], pixels: Uint8Array.of(0) });
  // Signature, header chunk and end chunk of a 1 × 1 picture in indexed colour, with the checksums of libpng.
  expect(file.toString('hex', 0, 33)).toBe(
    '89504e470d0a1a0a0000000d494844520000000100000001080300000028cb34bb',
  );
  expect(file.toString('hex', 33, 48)).toBe('00000003504c5445ff000019e20937');
  expect(file.toString('hex', file.length - 12)).toBe('0000000049454e44ae426082');
});

describe('a spectrogram', () => {
  const sampleRate = 32_000;

  test('shows a tone as one line, as high as its pitch on the mel scale', () => {
    const { width, height, pixel, palette } = readPng(
      drawSpectrogram([tone(1000, { seconds: 1, sampleRate })], sampleRate),
    );
    expect([width, height, palette.length]).toEqual([1024, 256, 768]);
    const column = Array.from({ length: height }, (_, y) => pixel(512, y));
    const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
    const expected = height * (1 - (mel(1000) - mel(40)) / (mel(16_000) - mel(40)));
    expect(Math.abs(column.indexOf(Math.max(...column)) - expected)).toBeLessThan(2);
    expect(column.filter((level) => level > 128).length).toBeLessThan(10);
  });

  test('shows time from left to right', () => {
    const silence = new Float32Array(sampleRate);
    const second = Float32Array.from([...silence, ...tone(1000, { seconds: 1, sampleRate })]);
    const { height, pixel } = readPng(drawSpectrogram([second], sampleRate));
    const brightness = (x: number) => Math.max(...Array.from({ length: height }, (_, y) => pixel(x, y)));
    expect([brightness(100), brightness(900)]).toEqual([0, 255]);
  });

  test('of silence is a picture too', () => {
    expect(readPng(drawSpectrogram([new Float32Array(1000)], sampleRate)).width).toBe(1024);
  });
});

describe('peaks', () => {
  test('are the lowest and highest sample of each part, for each channel', () => {
    const samples = Float32Array.from({ length: 16_384 * 2 }, (_, index) =>
      index % 4 === 3 ? -0.25 : (index % 4) / 4,
    );
    const peaks = findPeaks([samples, new Float32Array(samples.length)], 32_768);
    expect(peaks).toMatchObject({ duration: 1, sample_rate: 32_768, channels: 2, points: 8192 });
    expect(peaks.peaks.map((channel) => [channel.length, channel[0], channel[1]])).toEqual([
      [16_384, -0.25, 0.5],
      [16_384, 0, 0],
    ]);
  });

  test('in fewer points lose no peak, whether the parts fit or not', () => {
    const samples = new Float32Array(10_000);
    samples[7_777] = 0.9;
    samples[7_778] = -0.8;
    const fine = findPeaks([samples], 10_000);
    for (const points of [1, 7, 1000]) {
      const coarse = withFewerPoints(fine, points);
      expect([coarse.points, coarse.peaks[0]?.length]).toEqual([points, 2 * points]);
      expect([Math.min(...(coarse.peaks[0] ?? [])), Math.max(...(coarse.peaks[0] ?? []))]).toEqual([
        -0.8, 0.9,
      ]);
      const loudest = Math.floor((coarse.peaks[0] ?? []).indexOf(0.9) / 2);
      expect(Math.abs(loudest - (7_777 / 10_000) * points)).toBeLessThan(2);
    }
  });

  test('of a few samples are those samples', () => {
    expect(findPeaks([Float32Array.of(0.5, -0.5)], 32_000).peaks).toEqual([[0.5, 0.5, -0.5, -0.5]]);
  });
});

test('a waveform picture needs nothing else, takes the colour of its text, and has a band a channel', () => {
  const loud = tone(100, { seconds: 1, sampleRate: 8_000 });
  const picture = drawWaveform([loud, new Float32Array(loud.length)], 8_000);
  expect(picture).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 800 200"/);
  expect(picture).toContain('<title>Waveform of 1 seconds of audio</title>');
  expect(picture).toContain('fill="currentColor"');
  expect(picture).not.toMatch(/href|<script|<style|url\(/);
  const [first = '', second = ''] = picture.split('Z');
  const heights = (band: string) => [...band.matchAll(/[ML]\d+ ([\d.]+)/g)].map(([, y]) => Number(y));
  expect([Math.min(...heights(first)), Math.max(...heights(first))]).toEqual([0, 100]);
  expect(Math.max(...heights(second)) - Math.min(...heights(second))).toBeLessThan(1);
});

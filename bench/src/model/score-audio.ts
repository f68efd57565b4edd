import { hann, transform } from './fourier.ts';

/** What is measured on the samples themselves. */
export interface AudioFacts {
  isFinite: boolean;
  peak: number;
  rms: number;
  /** Share of samples beyond ±0.99. */
  clipped: number;
  /** Share of the 100-ms blocks of the first nine seconds quieter than −60 dBFS. */
  silentBlocks: number;
}

export function audioFacts(samples: Float32Array, sampleRate: number): AudioFacts {
  let peak = 0;
  let energy = 0;
  let beyond = 0;
  for (const sample of samples) {
    const size = Math.abs(sample);
    if (size > peak) peak = size;
    if (size > 0.99) beyond += 1;
    energy += sample * sample;
  }
  return {
    isFinite: Number.isFinite(energy),
    peak,
    rms: Math.sqrt(energy / samples.length),
    clipped: beyond / samples.length,
    silentBlocks: silentShare(samples.subarray(0, 9 * sampleRate), sampleRate / 10),
  };
}

function silentShare(samples: Float32Array, blockLength: number): number {
  const blocks = Math.floor(samples.length / blockLength);
  let silent = 0;
  for (let block = 0; block < blocks; block++) {
    const stretch = samples.subarray(block * blockLength, (block + 1) * blockLength);
    const energy = stretch.reduce((sum, sample) => sum + sample * sample, 0);
    if (Math.sqrt(energy / blockLength) < 1e-3) silent += 1;
  }
  return blocks === 0 ? 0 : silent / blocks;
}

const hop = 320;
const bands = 24;

/**
 * Tempo by autocorrelation of the onset strength (spectral flux in 24 bands, 100 values a second), with a broad prior
 * around 115 bpm; after Ellis, "Beat Tracking by Dynamic Programming" (2007). Knows no codes.
 */
export function audioTempo(samples: Float32Array, sampleRate: number): number {
  const rate = sampleRate / hop;
  const strength = onsetStrength(samples, sampleRate);
  const correlation = autocorrelation(strength, Math.ceil((4 * 60 * rate) / 50) + 2);
  const at = (lag: number) => {
    const low = Math.floor(lag);
    const a = correlation[low] ?? 0;
    return a + (lag - low) * ((correlation[low + 1] ?? 0) - a);
  };
  let best = { bpm: 0, score: Number.NEGATIVE_INFINITY };
  for (let bpm = 50; bpm <= 200; bpm += 0.25) {
    const lag = (60 / bpm) * rate;
    const prior = Math.exp(-0.5 * (Math.log2(bpm / 115) / 0.9) ** 2);
    const score = (at(lag) + 0.5 * at(2 * lag) + 0.33 * at(4 * lag)) * prior;
    if (score > best.score) best = { bpm, score };
  }
  return best.bpm;
}

function autocorrelation(values: Float64Array, lags: number): Float64Array {
  const result = new Float64Array(lags);
  for (let lag = 0; lag < Math.min(lags, values.length); lag++) {
    let sum = 0;
    for (let index = lag; index < values.length; index++) {
      sum += (values[index] as number) * (values[index - lag] as number);
    }
    result[lag] = sum / (values.length - lag);
  }
  return result;
}

/** Rises of log energy, summed over bands; the local mean is taken off. */
function onsetStrength(samples: Float32Array, sampleRate: number): Float64Array {
  const energies = bandEnergies(samples, sampleRate);
  const strength = new Float64Array(energies.length - 1);
  for (let frame = 1; frame < energies.length; frame++) {
    const now = energies[frame] as Float64Array;
    const before = energies[frame - 1] as Float64Array;
    let rise = 0;
    for (let band = 0; band < bands; band++) {
      rise += Math.max(0, (now[band] as number) - (before[band] as number));
    }
    strength[frame - 1] = rise;
  }
  return withoutLocalMean(strength, 50);
}

function withoutLocalMean(values: Float64Array, width: number): Float64Array {
  const result = new Float64Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const from = Math.max(0, index - width / 2);
    const to = Math.min(values.length, index + width / 2);
    let sum = 0;
    for (let other = from; other < to; other++) sum += values[other] as number;
    result[index] = (values[index] as number) - sum / (to - from);
  }
  return result;
}

const fftSize = 1024;

/** Log energy of logarithmically spaced bands from 60 Hz to 14 kHz, one row per hop. */
function bandEnergies(samples: Float32Array, sampleRate: number): Float64Array[] {
  const edges = Array.from({ length: bands + 1 }, (_, index) => 60 * (14_000 / 60) ** (index / bands));
  const bandOfBin = Array.from({ length: fftSize / 2 }, (_, bin) => {
    const hertz = (bin * sampleRate) / fftSize;
    return edges.findIndex((edge, index) => hertz >= edge && hertz < (edges[index + 1] ?? 0));
  });
  const window = hann(fftSize);
  const rows: Float64Array[] = [];
  for (let start = 0; start + fftSize <= samples.length; start += hop) {
    const real = window.map((weight, index) => weight * (samples[start + index] as number));
    const imaginary = new Float64Array(fftSize);
    transform(real, imaginary);
    const row = new Float64Array(bands);
    for (const [bin, band] of bandOfBin.entries()) {
      if (band < 0) continue;
      row[band] = (row[band] as number) + (real[bin] as number) ** 2 + (imaginary[bin] as number) ** 2;
    }
    rows.push(row.map((energy) => Math.log1p(30 * Math.sqrt(energy))));
  }
  return rows;
}

const toneSize = 8192;
/** Above the kick drums' sweep, below the densest overtones. */
const toneHertz = { from: 130, to: 1000 };

/**
 * Weight of each pitch class (0 = C) in the spectral peaks of the audio, summing to 1. Overtones count too, so even music
 * wholly in a scale has a share outside it.
 */
export function audioPitchClasses(samples: Float32Array, sampleRate: number): number[] {
  const weights = new Array<number>(12).fill(0);
  const window = hann(toneSize);
  const firstBin = Math.ceil((toneHertz.from * toneSize) / sampleRate);
  const lastBin = Math.floor((toneHertz.to * toneSize) / sampleRate);
  for (let start = 0; start + toneSize <= samples.length; start += toneSize / 2) {
    const real = window.map((weight, index) => weight * (samples[start + index] as number));
    const imaginary = new Float64Array(toneSize);
    transform(real, imaginary);
    const size = (bin: number) => Math.hypot(real[bin] as number, imaginary[bin] as number);
    for (let bin = firstBin; bin <= lastBin; bin++) {
      if (size(bin) <= size(bin - 1) || size(bin) < size(bin + 1)) continue;
      const hertz = ((bin + peakOffset(size(bin - 1), size(bin), size(bin + 1))) * sampleRate) / toneSize;
      const pitchClass = (((Math.round(12 * Math.log2(hertz / 440)) + 9) % 12) + 12) % 12;
      weights[pitchClass] = (weights[pitchClass] as number) + size(bin);
    }
  }
  const total = weights.reduce((a, b) => a + b, 0);
  return total === 0 ? weights : weights.map((weight) => weight / total);
}

/** Where between its neighbours a peak lies, in bins: the top of a parabola through the logarithms. */
function peakOffset(before: number, peak: number, after: number): number {
  const [a, b, c] = [Math.log(before + 1e-12), Math.log(peak + 1e-12), Math.log(after + 1e-12)];
  const bend = a - 2 * b + c;
  return bend === 0 ? 0 : (a - c) / (2 * bend);
}

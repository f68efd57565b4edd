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
  const window = Float64Array.from(
    { length: fftSize },
    (_, index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * index) / fftSize),
  );
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

/** Radix-2 Fourier transform in place (Cooley and Tukey). */
function transform(real: Float64Array, imaginary: Float64Array): void {
  const size = real.length;
  for (let index = 1, reversed = 0; index < size; index++) {
    let bit = size >> 1;
    for (; reversed & bit; bit >>= 1) reversed ^= bit;
    reversed ^= bit;
    if (index < reversed) {
      swap(real, index, reversed);
      swap(imaginary, index, reversed);
    }
  }
  for (let span = 2; span <= size; span <<= 1) combine(real, imaginary, span);
}

function combine(real: Float64Array, imaginary: Float64Array, span: number): void {
  const half = span >> 1;
  for (let offset = 0; offset < half; offset++) {
    const angle = (-2 * Math.PI * offset) / span;
    const cosine = Math.cos(angle);
    const sine = Math.sin(angle);
    for (let start = offset; start < real.length; start += span) {
      const a = real[start + half] as number;
      const b = imaginary[start + half] as number;
      const turnedReal = a * cosine - b * sine;
      const turnedImaginary = a * sine + b * cosine;
      real[start + half] = (real[start] as number) - turnedReal;
      imaginary[start + half] = (imaginary[start] as number) - turnedImaginary;
      real[start] = (real[start] as number) + turnedReal;
      imaginary[start] = (imaginary[start] as number) + turnedImaginary;
    }
  }
}

function swap(values: Float64Array, a: number, b: number): void {
  const kept = values[a] as number;
  values[a] = values[b] as number;
  values[b] = kept;
}

/** A power spectrum of real samples, for one length. */
export type PowerSpectrum = (samples: Float64Array) => Float64Array;

/**
 * Makes the transform for frames of `length` samples (a power of two): iterative radix-2 (Cooley and Tukey, 1965).
 * @returns a function from `[length]` samples to the squared magnitudes `[length / 2 + 1]` from 0 Hz to half the
 * sample rate; it uses its result again.
 */
export function createPowerSpectrum(length: number): PowerSpectrum {
  const order = bitReversal(length);
  const cosines = Float64Array.from({ length: length / 2 }, (_, index) =>
    Math.cos((2 * Math.PI * index) / length),
  );
  const sines = Float64Array.from({ length: length / 2 }, (_, index) =>
    Math.sin((2 * Math.PI * index) / length),
  );
  const real = new Float64Array(length);
  const imaginary = new Float64Array(length);
  const power = new Float64Array(length / 2 + 1);

  function combine(half: number): void {
    const stride = length / (2 * half);
    for (let start = 0; start < length; start += 2 * half) {
      for (let index = 0; index < half; index++) {
        const [upper, lower] = [start + index, start + index + half];
        const [cosine, sine] = [cosines[index * stride] as number, sines[index * stride] as number];
        const [x, y] = [real[lower] as number, imaginary[lower] as number];
        const [re, im] = [x * cosine + y * sine, y * cosine - x * sine];
        real[lower] = (real[upper] as number) - re;
        imaginary[lower] = (imaginary[upper] as number) - im;
        real[upper] = (real[upper] as number) + re;
        imaginary[upper] = (imaginary[upper] as number) + im;
      }
    }
  }

  return (samples) => {
    for (let index = 0; index < length; index++) real[index] = samples[order[index] as number] as number;
    imaginary.fill(0);
    for (let half = 1; half < length; half *= 2) combine(half);
    for (let bin = 0; bin < power.length; bin++) {
      power[bin] = (real[bin] as number) ** 2 + (imaginary[bin] as number) ** 2;
    }
    return power;
  };
}

function bitReversal(length: number): Uint32Array {
  const order = new Uint32Array(length);
  for (let index = 1; index < length; index++) {
    order[index] = ((order[index >> 1] as number) >> 1) | (index & 1 ? length >> 1 : 0);
  }
  return order;
}

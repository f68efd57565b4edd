/** Fourier transform in place, radix 2 (Cooley and Tukey); the length is a power of two. */
export function transform(real: Float64Array, imaginary: Float64Array): void {
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

/** Hann window. */
export function hann(length: number): Float64Array {
  return Float64Array.from({ length }, (_, index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * index) / length));
}

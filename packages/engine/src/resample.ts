/** Zero crossings of the kernel on each side, and how finely it is tabulated between two of them. */
const crossings = 32;
const resolution = 512;
/** Shape of the window: the stop band lies some 90 dB down. */
const beta = 9;
/** Of the lower Nyquist frequency, so that the transition ends below it. */
const passBand = 0.94;

/** sinc(x) under a Kaiser window, at x = index / resolution; one more entry than is read, for the interpolation. */
const kernel = Float64Array.from({ length: crossings * resolution + 2 }, (_, index) => {
  const x = index / resolution;
  if (x > crossings) return 0;
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  return (sinc * bessel(beta * Math.sqrt(1 - (x / crossings) ** 2))) / bessel(beta);
});

/** How many samples a recording has at another rate. */
export function resampledLength(length: number, rates: { from: number; to: number }): number {
  return Math.round((length * rates.to) / rates.from);
}

/**
 * Samples `start` to `end` of a recording at another rate: band-limited interpolation with a windowed sinc, which also
 * keeps frequencies out that the new rate cannot hold. Any part comes out as it would within the whole.
 * Julius O. Smith, "Digital Audio Resampling", https://ccrma.stanford.edu/~jos/resample/
 */
export function resample(
  samples: Float32Array,
  rates: { from: number; to: number },
  { start, end }: { start: number; end: number },
): Float32Array {
  if (rates.from === rates.to) return samples.slice(start, end);
  const cutoff = Math.min(1, rates.to / rates.from) * passBand;
  const reach = crossings / cutoff;
  return Float32Array.from({ length: end - start }, (_, index) => {
    const position = ((start + index) * rates.from) / rates.to;
    const first = Math.max(0, Math.ceil(position - reach));
    const last = Math.min(samples.length - 1, Math.floor(position + reach));
    let sum = 0;
    for (let at = first; at <= last; at++) {
      sum += (samples[at] as number) * kernelAt(Math.abs(position - at) * cutoff);
    }
    return sum * cutoff;
  });
}

function kernelAt(x: number): number {
  const place = x * resolution;
  const index = Math.floor(place);
  const below = kernel[index] as number;
  return below + ((kernel[index + 1] as number) - below) * (place - index);
}

/** The modified Bessel function of order 0, by its power series. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

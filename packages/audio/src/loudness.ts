/** One second-order section of a digital filter, normalised to a0 = 1. */
interface Biquad {
  b0: number;
  b1: number;
  b2: number;
  a1: number;
  a2: number;
}

/** A gating block is 400 ms long, and one begins every 100 ms. */
const stepSeconds = 0.1;
const stepsOfBlock = 4;
const absoluteGateLufs = -70;
const relativeGateLu = -10;

/**
 * Integrated loudness by ITU-R BS.1770-4 (EBU R 128) in LUFS; null where nothing is louder than the absolute gate of
 * -70 LUFS, and for less than 400 ms of audio.
 *
 * All channels weigh 1, as left, right and a single one do in the standard.
 */
export function integratedLoudness(channels: readonly Float32Array[], sampleRate: number): number | null {
  const blocks = gatingBlocks(channels, sampleRate);
  const audible = blocks.filter((power) => loudnessOf(power) > absoluteGateLufs);
  if (audible.length === 0) return null;
  const relativeGate = loudnessOf(mean(audible)) + relativeGateLu;
  return loudnessOf(mean(audible.filter((power) => loudnessOf(power) > relativeGate)));
}

/** BS.1770-4, formula 2: the constant makes a full-scale sine of 997 Hz in one channel -3.01 LUFS. */
function loudnessOf(power: number): number {
  return -0.691 + 10 * Math.log10(power);
}

/** The mean square of every gating block after K-weighting, summed over the channels. */
function gatingBlocks(channels: readonly Float32Array[], sampleRate: number): number[] {
  const stepSamples = Math.round(stepSeconds * sampleRate);
  const stepCount = Math.floor((channels[0]?.length ?? 0) / stepSamples);
  const energies = new Float64Array(stepCount);
  for (const channel of channels) addEnergies(energies, channel, stepSamples, kWeighting(sampleRate));
  const blocks: number[] = [];
  for (let step = 0; step + stepsOfBlock <= stepCount; step++) {
    const energy = energies.subarray(step, step + stepsOfBlock).reduce((total, value) => total + value, 0);
    blocks.push(energy / (stepsOfBlock * stepSamples));
  }
  return blocks;
}

/** Adds the energy of each step of a channel, filtered by both sections (transposed direct form II). */
function addEnergies(
  energies: Float64Array,
  channel: Float32Array,
  stepSamples: number,
  [shelf, highPass]: [Biquad, Biquad],
): void {
  let [s1, s2, h1, h2] = [0, 0, 0, 0];
  for (let step = 0; step < energies.length; step++) {
    let energy = 0;
    for (let index = step * stepSamples; index < (step + 1) * stepSamples; index++) {
      const x = channel[index] as number;
      const y = shelf.b0 * x + s1;
      s1 = shelf.b1 * x - shelf.a1 * y + s2;
      s2 = shelf.b2 * x - shelf.a2 * y;
      const z = highPass.b0 * y + h1;
      h1 = highPass.b1 * y - highPass.a1 * z + h2;
      h2 = highPass.b2 * y - highPass.a2 * z;
      energy += z * z;
    }
    energies[step] = (energies[step] as number) + energy;
  }
}

/**
 * The two sections of the K-weighting at any sample rate. BS.1770-4 gives them as numbers for 48 kHz only; these are the
 * analogue filters behind those numbers, as libebur128 (`ebur128_init_filter`) derives them, mapped by the bilinear
 * transform. At 48 kHz they give the standard's tables 1 and 2, which a test holds them against.
 */
export function kWeighting(sampleRate: number): [Biquad, Biquad] {
  return [shelfFilter(sampleRate), highPassFilter(sampleRate)];
}

/** The head's effect: +4 dB above some 1.7 kHz. */
function shelfFilter(sampleRate: number): Biquad {
  const q = 0.7071752369554196;
  const k = Math.tan((Math.PI * 1681.974450955533) / sampleRate);
  const high = 10 ** (3.999843853973347 / 20);
  const band = high ** 0.4996667741545416;
  const a0 = 1 + k / q + k * k;
  return {
    b0: (high + (band * k) / q + k * k) / a0,
    b1: (2 * (k * k - high)) / a0,
    b2: (high - (band * k) / q + k * k) / a0,
    a1: (2 * (k * k - 1)) / a0,
    a2: (1 - k / q + k * k) / a0,
  };
}

/** The revised low-frequency B-curve: nothing below some 38 Hz. */
function highPassFilter(sampleRate: number): Biquad {
  const q = 0.5003270373238773;
  const k = Math.tan((Math.PI * 38.13547087602444) / sampleRate);
  const a0 = 1 + k / q + k * k;
  return { b0: 1, b1: -2, b2: 1, a1: (2 * (k * k - 1)) / a0, a2: (1 - k / q + k * k) / a0 };
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

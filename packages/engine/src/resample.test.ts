import { maxDifference } from '../fixtures/golden.ts';
import { resample, resampledLength } from './resample.ts';

function tone(hertz: number, rate: number, seconds = 0.5): Float32Array {
  return Float32Array.from({ length: rate * seconds }, (_, at) =>
    Math.sin((2 * Math.PI * hertz * at) / rate),
  );
}

/** Without the ends, where the recording is taken to be silent beyond. */
const middle = (samples: Float32Array) => samples.subarray(2_000, -2_000);

it.each([
  [44_100, 32_000],
  [48_000, 32_000],
  [8_000, 32_000],
  [22_050, 32_000],
  [44_101, 32_000],
])('a tone at %i Hz is the same tone at %i Hz', (from, to) => {
  const samples = tone(440, from);
  const length = resampledLength(samples.length, { from, to });
  expect(length).toBe(16_000);
  const resampled = resample(samples, { from, to }, { start: 0, end: length });
  expect(maxDifference(middle(resampled), middle(tone(440, to)))).toBeLessThan(1e-4);
});

it('a tone that the new rate cannot hold is silenced, not folded back', () => {
  const resampled = resample(tone(18_000, 48_000), { from: 48_000, to: 32_000 }, { start: 0, end: 16_000 });
  expect(maxDifference(middle(resampled), new Float32Array(12_000))).toBeLessThan(1e-3);
});

it('a part is what it is within the whole', () => {
  const rates = { from: 44_100, to: 32_000 };
  const samples = tone(1_234, 44_100);
  const whole = resample(samples, rates, { start: 0, end: 16_000 });
  expect(resample(samples, rates, { start: 5_000, end: 6_000 })).toEqual(whole.slice(5_000, 6_000));
});

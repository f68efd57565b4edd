import { fadeOut } from './fade.ts';

test('the end fades to silence with equal power, and what is before stays', () => {
  const samples = new Float32Array(200).fill(1);
  fadeOut([samples], 100);
  expect(samples.subarray(0, 100).every((sample) => sample === 1)).toBe(true);
  expect(samples[149]).toBeCloseTo(Math.SQRT1_2, 5);
  expect(samples[199]).toBeCloseTo(0, 6);
  expect(samples.every((sample, index) => index === 0 || sample <= (samples[index - 1] as number))).toBe(
    true,
  );
});

test('a fade longer than the piece is as long as the piece', () => {
  const [left, right] = [new Float32Array(10).fill(1), new Float32Array(10).fill(-1)];
  fadeOut([left, right], 1_000);
  expect(left[0]).toBeCloseTo(Math.cos(Math.PI / 20), 6);
  expect(right[9]).toBeCloseTo(0, 6);
});

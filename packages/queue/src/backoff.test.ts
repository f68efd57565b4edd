import { fullJitterMs } from './backoff.ts';

const options = { baseMs: 1_000, capMs: 30_000 };

test('the bound doubles with every attempt up to the cap', () => {
  const bounds = [1, 2, 3, 4, 5, 6, 50].map((attempt) =>
    fullJitterMs(attempt, { ...options, random: () => 0.999999 }),
  );
  expect(bounds).toEqual([999, 1_999, 3_999, 7_999, 15_999, 29_999, 29_999]);
});

test('the whole range below the bound is used', () => {
  expect(fullJitterMs(3, { ...options, random: () => 0 })).toBe(0);
  expect(fullJitterMs(3, { ...options, random: () => 0.5 })).toBe(2_000);
});

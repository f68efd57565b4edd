import { median, percentile } from './percentile.ts';

test('a percentile is a sample that its share of the samples does not exceed', () => {
  const samples = [9, 1, 8, 2, 7, 3, 6, 4, 5, 10];
  expect(percentile(samples, 0.5)).toBe(5);
  expect(percentile(samples, 0.99)).toBe(10);
  expect(percentile([], 0.5)).toBeNaN();
});

test('the median of an even number of samples lies between the middle two', () => {
  expect(median([4, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

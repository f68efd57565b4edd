import { lengthsUpTo, stopOf } from './lengths.ts';

test('the slider ends at the longest piece that is allowed, whatever that is', () => {
  expect(lengthsUpTo(33).slice(-3)).toEqual([29, 30, 33]);
  expect(lengthsUpTo(300).at(-1)).toBe(300);
  expect(lengthsUpTo(1)).toEqual([1]);
});

test('a length between two stops is shown at the nearest', () => {
  const lengths = lengthsUpTo(300);
  expect(lengths[stopOf(10, lengths)]).toBe(10);
  expect(lengths[stopOf(63, lengths)]).toBe(60);
  expect(lengths[stopOf(5000, lengths)]).toBe(300);
});

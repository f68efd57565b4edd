import { parseRetryAfter } from './patience.ts';

test.each([
  ['3', 3000],
  [' 120 ', 120_000],
  ['Sun, 22 Nov 2026 12:00:10 GMT', 10_000],
  ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
  ['soon', undefined],
  [null, undefined],
])('Retry-After %j means %s ms', (header, meant) => {
  expect(parseRetryAfter(header, Date.parse('2026-11-22T12:00:00Z'))).toBe(meant);
});

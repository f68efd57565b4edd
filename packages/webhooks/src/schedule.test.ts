import { maxDeliveryAttempts, retryPauseMs } from './schedule.ts';

const middle = () => 0.5;

test('the pauses grow from seconds to hours and span more than a day; then nothing is left', () => {
  const pauses = Array.from({ length: maxDeliveryAttempts }, (_, index) =>
    retryPauseMs({ attempts: index + 1, random: middle }),
  );
  expect(pauses.slice(0, 3)).toEqual([5_000, 300_000, 1_800_000]);
  expect(pauses.at(-1)).toBeUndefined();
  const total = pauses.reduce<number>((sum, pause) => sum + (pause ?? 0), 0);
  expect(total).toBeGreaterThan(24 * 3_600_000);
  expect(total).toBeLessThan(48 * 3_600_000);
});

test('each is spread by a tenth to both sides', () => {
  expect(retryPauseMs({ attempts: 1, random: () => 0 })).toBe(4_500);
  expect(retryPauseMs({ attempts: 1, random: () => 0.999999 })).toBe(5_500);
});

test('a receiver may ask for more time, for at most a day, never for less', () => {
  expect(retryPauseMs({ attempts: 1, retryAfterSeconds: 60, random: middle })).toBe(60_000);
  expect(retryPauseMs({ attempts: 1, retryAfterSeconds: 1e9, random: middle })).toBe(86_400_000);
  expect(retryPauseMs({ attempts: 2, retryAfterSeconds: 1, random: middle })).toBe(300_000);
});

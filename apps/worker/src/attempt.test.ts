import type { Claim } from '@musicgen/queue';
import { createAttempt } from './attempt.ts';
import { createFinishingTime } from './finishing-time.ts';

const claim = { task: { attempt: 1, stalls: 0 } } as Claim;

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
});
afterEach(() => jest.useRealTimers());

function generating(attempt: ReturnType<typeof createAttempt>, frame: number): void {
  attempt.report({ stage: 'generating', progress: { frame, frames: 500 } });
}

test('what a piece still needs is measured from its own frames, and counts what comes behind the last of them', () => {
  const finishing = createFinishingTime();
  const first = createAttempt(claim, finishing);
  generating(first, 0);
  expect(first.remainingMs()).toBeUndefined();
  jest.advanceTimersByTime(2_000);
  generating(first, 100);
  expect(first.remainingMs()).toBe(8_000);

  const timings = { generating: 10, decoding: 1, encoding_audio: 0.3, storing: 0.2 };
  finishing.observe({ frames: 500, timings });
  expect(first.remainingMs()).toBe(9_500);
  jest.advanceTimersByTime(8_000);
  generating(first, 500);
  expect(first.remainingMs()).toBe(1_500);
  jest.advanceTimersByTime(1_000);
  first.report({ stage: 'encoding_audio' });
  expect(first.remainingMs()).toBe(500);
  jest.advanceTimersByTime(9_000);
  expect(first.remainingMs()).toBe(0);
});

test('frames that another attempt has made say nothing about this one', () => {
  const attempt = createAttempt(claim, createFinishingTime());
  generating(attempt, 400);
  jest.advanceTimersByTime(1_000);
  generating(attempt, 450);
  expect(attempt.remainingMs()).toBe(1_000);
});

import type { Look } from './desk.ts';
import { flowOf, throughputOf } from './rates.ts';

const look = (at: number, submitted: number, ended: number): Look => ({
  at,
  submitted: { CRITICAL: 0, HIGH: submitted, NORMAL: 0, LOW: 0 },
  ended: { CRITICAL: 0, HIGH: ended, NORMAL: 0, LOW: 0 },
  p50: null,
  p95: null,
});

test('a rate needs two looks and is taken over the last minute', () => {
  expect(flowOf([look(0, 5, 5)], 'HIGH')).toBeUndefined();
  expect(flowOf([look(0, 0, 0), look(30_000, 3, 1)], 'HIGH')).toEqual({ entering: 6, leaving: 2 });
  const long = [look(0, 0, 0), look(60_000, 100, 100), look(90_000, 101, 100)];
  expect(flowOf(long, 'HIGH')).toEqual({ entering: 2, leaving: 0 });
  expect(flowOf(long, 'LOW')).toEqual({ entering: 0, leaving: 0 });
});

test('a chart has one point for every look after the first, none below zero when counters start anew', () => {
  const looks = [look(0, 0, 0), look(30_000, 3, 1), look(60_000, 4, 4), look(90_000, 0, 0)];
  expect(throughputOf(looks)).toEqual([
    { at: 30_000, entering: 6, leaving: 2 },
    { at: 60_000, entering: 4, leaving: 4 },
    { at: 90_000, entering: 0, leaving: 0 },
  ]);
});

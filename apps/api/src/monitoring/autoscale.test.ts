import { priorityNames } from '@musicgen/contract';
import type { FleetState } from '../estimate/estimator.ts';
import { autoscale } from './autoscale.ts';

const none = { tasks: 0, seconds: 0 };
const empty = { CRITICAL: none, HIGH: none, NORMAL: none, LOW: none };
const worker = (id: string) => ({ id, slots: 2, priorities: priorityNames, draining: false });
const slots = { priorities: priorityNames, count: 2, speed: 3, speedAlone: 4, freeIn: 0 };

/** Two workers of two slots each, each slot 3 s of audio in a second: 12 together. */
function fleet(given: Partial<FleetState> = {}): FleetState {
  return {
    workers: [worker('a'), worker('b')],
    outlook: { slots: [slots, slots], waiting: empty, paused: [] },
    processing: 0,
    waiting: 0,
    slotSpeed: undefined,
    ...given,
  };
}
const waitingFor = (seconds: number, tasks: number) => ({
  ...fleet().outlook,
  waiting: { ...empty, NORMAL: { tasks, seconds } },
});
const target = { targetWaitSeconds: 60 };

test('without work no worker is wanted', () => {
  expect(autoscale(fleet(), target)).toEqual({
    queued: 0,
    processing: 0,
    workers: 2,
    slots: 4,
    backlog_seconds: 0,
    desired_replicas: 0,
    reason: 'Nothing waits and nothing runs.',
  });
});

test('as many are wanted as get the work done within the target wait', () => {
  expect(autoscale(fleet({ outlook: waitingFor(3600, 120) }), target)).toMatchObject({
    queued: 120,
    backlog_seconds: 300,
    desired_replicas: 10,
    reason: '3600 s of audio within 60 s need 10.',
  });
});

test('what runs is work too, and its workers are not scaled away', () => {
  const busy = { ...slots, freeIn: 1 };
  const state = fleet({ processing: 4, outlook: { ...fleet().outlook, slots: [busy, busy] } });
  expect(autoscale(state, target)).toMatchObject({
    backlog_seconds: 1,
    desired_replicas: 2,
    reason: 'What runs, 4 in all, occupies 2.',
  });
});

test('a fleet that was scaled to nothing comes back for a single task', () => {
  const gone = { workers: [], outlook: { ...waitingFor(10, 1), slots: [] } };
  expect(autoscale(fleet(gone), target)).toMatchObject({
    workers: 0,
    desired_replicas: 1,
    reason: '10 s of audio within 60 s need 1 at a presumed speed, as none has been measured yet.',
  });
  expect(autoscale(fleet({ ...gone, slotSpeed: 2 }), target).backlog_seconds).toBe(5);
});

test('a paused queue calls for nobody, and a worker that drains is not counted', () => {
  const paused = { ...waitingFor(3600, 120), paused: ['NORMAL' as const] };
  const draining = { ...worker('b'), draining: true };
  const state = fleet({ outlook: paused, workers: [worker('a'), draining] });
  expect(autoscale(state, target)).toMatchObject({ queued: 0, workers: 1, slots: 2, desired_replicas: 0 });
});

test('more work never asks for fewer workers', () => {
  let before = 0;
  for (let tasks = 0; tasks < 2_000; tasks += 37) {
    const { desired_replicas } = autoscale(fleet({ outlook: waitingFor(tasks * 10, tasks) }), target);
    expect(desired_replicas).toBeGreaterThanOrEqual(before);
    before = desired_replicas;
  }
});

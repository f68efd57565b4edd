import { priorityNames } from '@musicgen/contract';
import { foresee, type Outlook, type Slots, whenStarted } from './foresee.ts';

const all = [...priorityNames];
const slots = (given: Partial<Slots> = {}): Slots => ({
  priorities: all,
  count: 1,
  speed: 2,
  speedAlone: 2,
  freeIn: 0,
  ...given,
});
const none = { tasks: 0, seconds: 0 };
const outlook = (given: Partial<Outlook> = {}): Outlook => ({
  slots: [slots()],
  paused: [],
  ...given,
  waiting: { CRITICAL: none, HIGH: none, NORMAL: none, LOW: none, ...given.waiting },
});
const waiting = (lengths: Partial<Outlook['waiting']>) =>
  outlook({ waiting: { ...outlook().waiting, ...lengths } });

test('an idle fleet starts a task at once and needs as long as its speed says', () => {
  expect(foresee(outlook(), { priority: 'NORMAL', seconds: 10 })).toEqual({ startsIn: 0, finishesIn: 5 });
});

test('without a worker that serves the task there is no estimate', () => {
  const task = { priority: 'LOW', seconds: 10 } as const;
  expect(foresee(outlook({ slots: [] }), task)).toBeUndefined();
  expect(foresee(outlook({ slots: [slots({ priorities: ['HIGH'] })] }), task)).toBeUndefined();
});

test('a paused queue has no estimate, and what waits in it delays nothing else', () => {
  const paused = { ...waiting({ HIGH: { tasks: 9, seconds: 900 } }), paused: ['HIGH'] as const };
  expect(foresee(paused, { priority: 'HIGH', seconds: 10 })).toBeUndefined();
  expect(foresee(paused, { priority: 'LOW', seconds: 10 })?.startsIn).toBe(0);
});

test('a task waits for its own queue up to its place, for better queues whole, and for worse ones not at all', () => {
  const busy = waiting({
    CRITICAL: { tasks: 1, seconds: 20 },
    NORMAL: { tasks: 4, seconds: 80 },
    LOW: { tasks: 50, seconds: 1000 },
  });
  const startsIn = (ahead?: number) =>
    foresee(busy, { priority: 'NORMAL', seconds: 10, ...(ahead !== undefined && { ahead }) })?.startsIn;
  expect(startsIn(0)).toBeCloseTo(10, 3);
  expect(startsIn(2)).toBeCloseTo(30, 3);
  expect(startsIn()).toBeCloseTo(50, 3);
  expect(foresee(busy, { priority: 'CRITICAL', seconds: 10, ahead: 0 })?.startsIn).toBe(0);
});

test('of better queues only the share counts that falls to the workers of the task', () => {
  const shared = outlook({
    slots: [slots(), slots({ priorities: ['CRITICAL'] })],
    waiting: { ...outlook().waiting, CRITICAL: { tasks: 8, seconds: 160 } },
  });
  expect(foresee(shared, { priority: 'LOW', seconds: 10 })?.startsIn).toBeCloseTo(40, 3);
});

test('a task among many takes as long as batching makes it, one alone is faster', () => {
  const batching = outlook({ slots: [slots({ count: 4, speed: 1, speedAlone: 3 })] });
  expect(foresee(batching, { priority: 'NORMAL', seconds: 30 })?.finishesIn).toBeCloseTo(10);
  const full = { ...batching, waiting: { ...batching.waiting, NORMAL: { tasks: 8, seconds: 240 } } };
  const { startsIn, finishesIn } = foresee(full, { priority: 'NORMAL', seconds: 30 }) ?? {};
  expect((finishesIn ?? 0) - (startsIn ?? 0)).toBeCloseTo(30);
});

describe('the moment a task starts', () => {
  /** Tasks of one length handed to slots one by one, each to the first that is free. */
  function simulated(groups: readonly Slots[], ahead: number, length: number): number {
    const free = groups.flatMap(({ count, freeIn, speed }) =>
      Array.from({ length: count }, () => ({ at: freeIn, needs: length / speed })),
    );
    for (let task = 0; task <= ahead; task++) {
      const first = free.reduce((best, slot) => (slot.at < best.at ? slot : best));
      if (task === ahead) return first.at;
      first.at += first.needs;
    }
    throw new Error('unreachable');
  }

  const seeds = Array.from({ length: 300 }, (_, seed) => seed + 1);
  const randomFleet = (random: (most: number) => number) =>
    Array.from({ length: 1 + random(5) }, () =>
      slots({ count: 1 + random(4), speed: 0.5 + random(8) / 4, freeIn: random(3) === 0 ? random(40) : 0 }),
    );

  test('is that of handing tasks out one by one', () => {
    for (const seed of seeds) {
      const random = randomNumbers(seed);
      const fleet = randomFleet(random);
      const ahead = random(30);
      const length = 1 + random(60);
      const foreseen = whenStarted(fleet, { tasks: ahead, seconds: ahead * length });
      expect({ seed, foreseen }).toEqual({
        seed,
        foreseen: expect.closeTo(simulated(fleet, ahead, length), 4),
      });
    }
  });

  test('is never sooner with more ahead, nor later with one slot more', () => {
    for (const seed of seeds) {
      const random = randomNumbers(seed);
      const fleet = randomFleet(random);
      const length = 1 + random(30);
      const ahead = (tasks: number) => ({ tasks, seconds: tasks * length });
      const tasks = random(500);
      const start = whenStarted(fleet, ahead(tasks));
      const withMore = whenStarted(fleet, ahead(tasks + 1 + random(20)));
      const withHelp = whenStarted([...fleet, slots()], ahead(tasks));
      expect({ seed, inOrder: withHelp <= start + 1e-6 && start <= withMore + 1e-6 }).toEqual({
        seed,
        inOrder: true,
      });
    }
  });
});

/** Whole numbers below a limit, the same for the same seed (a linear congruential generator). */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * limit);
  };
}

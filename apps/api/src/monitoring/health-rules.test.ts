import type { QueueDepth, ServerFacts } from '@musicgen/queue';
import { type HealthFacts, judgeHealth } from './health-rules.ts';

const queue = (given: Partial<QueueDepth> = {}): QueueDepth => ({
  priority: 'NORMAL',
  waiting: 0,
  running: 0,
  paused: false,
  ...given,
});
const server: ServerFacts = {
  version: '7.2.4',
  isReplica: false,
  evictionPolicy: 'noeviction',
  appendOnlyFile: true,
  lastSaveWorked: true,
  usedMemoryBytes: 1,
  memoryLimitBytes: 100,
};
const judge = (given: Partial<HealthFacts>) =>
  judgeHealth({
    queues: [queue()],
    processing: 0,
    workers: 1,
    slots: 1,
    performance: { completed: 0, failed: 0 },
    server,
    ...given,
  });

test('a fleet without anything to complain about is healthy', () => {
  expect(judge({})).toEqual({ status: 'healthy', warnings: [] });
});

test.each<[string, Partial<HealthFacts>, Partial<HealthFacts>]>([
  [
    'a queue of more than 1000 tasks',
    { queues: [queue({ waiting: 1001 })] },
    { queues: [queue({ waiting: 1000 })] },
  ],
  [
    'a task that has waited longer than an hour',
    { queues: [queue({ waiting: 1, oldestAgeMs: 3_601_000 })] },
    { queues: [queue({ waiting: 1, oldestAgeMs: 3_600_000 })] },
  ],
  [
    'a paused queue in which tasks wait',
    { queues: [queue({ waiting: 1, paused: true })] },
    { queues: [queue({ paused: true })] },
  ],
  [
    'more than a tenth of failures',
    { performance: { completed: 89, failed: 11 } },
    { performance: { completed: 90, failed: 10 } },
  ],
  ['more than 100 tasks processing', { processing: 101, slots: 80 }, { processing: 100, slots: 80 }],
  [
    'more tasks than the slots of live workers can hold',
    { processing: 1201, slots: 1000 },
    { processing: 1200, slots: 1000 },
  ],
  [
    'Redis memory over nine tenths',
    { server: { ...server, usedMemoryBytes: 91 } },
    { server: { ...server, usedMemoryBytes: 90 } },
  ],
  ['a policy that evicts', { server: { ...server, evictionPolicy: 'allkeys-lru' } }, {}],
  ['no append-only file', { server: { ...server, appendOnlyFile: false } }, {}],
  ['a save that failed', { server: { ...server, lastSaveWorked: false } }, {}],
])('%s degrades it, and what is just below does not', (_what, over, below) => {
  const { status, warnings } = judge(over);
  expect([status, warnings.length]).toEqual(['degraded', 1]);
  expect(judge(below)).toEqual({ status: 'healthy', warnings: [] });
});

test('more failures than successes make it unhealthy, once enough has finished to say so', () => {
  expect(judge({ performance: { completed: 4, failed: 6 } })).toEqual({
    status: 'unhealthy',
    warnings: ['60 % of the tasks that finished in the last hour failed.'],
  });
  expect(judge({ performance: { completed: 0, failed: 9 } }).status).toBe('healthy');
});

test('tasks that wait while no worker lives make it unhealthy, unless their queue is paused', () => {
  const waiting = { workers: 0, slots: 0, queues: [queue({ waiting: 3 })] };
  expect(judge(waiting)).toEqual({
    status: 'unhealthy',
    warnings: ['3 tasks wait and no worker that takes any lives.'],
  });
  expect(judge({ ...waiting, queues: [queue({ waiting: 3, paused: true })] }).status).toBe('degraded');
  expect(judge({ workers: 0, slots: 0 }).status).toBe('healthy');
});

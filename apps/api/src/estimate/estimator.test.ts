import { randomUUID } from 'node:crypto';
import type { Priority } from '@musicgen/contract';
import { createStreamsQueue, patientRedisOptions } from '@musicgen/queue';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';
import { createEstimator } from './estimator.ts';

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
  redis = new Redis(server.url, patientRedisOptions);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/** A queue of its own, an estimator that always looks anew, and a worker whose slot makes `speed` seconds in one. */
async function setup({ slots = 1, speed = 2, refreshMs = 0 } = {}) {
  const queue = createStreamsQueue({ redis, prefix: `test-${randomUUID()}` });
  await queue.prepare();
  const consumer = queue.createConsumer({
    workerId: `worker-${randomUUID()}`,
    priorities: ['CRITICAL', 'HIGH', 'NORMAL', 'LOW'],
  });
  const description = describedWorker({ slots, framesPerSecond: speed * slots * 50 });
  const estimator = createEstimator({ monitor: queue.createMonitor(), refreshMs });
  const producer = queue.createProducer({ maxLength: 100 });
  const submit = (seconds: number, priority: Priority = 'NORMAL') =>
    producer.enqueue({
      id: randomUUID(),
      priority,
      request: {},
      cost: seconds * 1000,
      ttlSeconds: 3600,
      maxAttempts: 1,
    });
  return { queue, consumer, estimator, submit, join: () => consumer.describe(description) };
}

function describedWorker({ slots, framesPerSecond }: { slots: number; framesPerSecond: number }) {
  const model = {
    id: 'test',
    licence: null,
    notice: null,
    precision: 'fp32',
    sample_rate: 32_000,
    channels: 1,
    frame_rate: 50,
    window_seconds: 30,
    defaults: { temperature: 1, top_k: 250, top_p: 1, guidance_scale: 3 },
    supports: {
      continuation_of_tasks: false,
      continuation_of_audio: false,
      negative_prompt: false,
      preview: false,
    },
    speed: { alone: framesPerSecond / slots, all: framesPerSecond },
  };
  return { slots, priorities: ['CRITICAL', 'HIGH', 'NORMAL', 'LOW'], models: [model] };
}

/** For moments that lie so many seconds ahead: a test knows them as exactly as it is quick. */
function stopwatch() {
  const began = Date.now();
  return (at: number | undefined, seconds: number) => {
    const now = Date.now();
    const tolerance = now - began + 100;
    const off = Number(at) - (now + seconds * 1000);
    expect({ at, seconds, isOff: !(Math.abs(off) <= tolerance) }).toEqual({ at, seconds, isOff: false });
  };
}

test('a task is foreseen from what workers say of their speed and what waits and runs before it', async () => {
  const expectAhead = stopwatch();
  const { estimator, submit, join, consumer } = await setup();
  const task = { priority: 'NORMAL', seconds: 10 } as const;
  await submit(20);
  expect(await estimator.estimate(task)).toBeUndefined();

  await join();
  const waiting = await estimator.estimate(task);
  expectAhead(waiting?.startAt, 10);
  expectAhead(waiting?.finishAt, 15);

  const claim = await consumer.claim();
  if (claim === undefined) throw new Error('nothing to claim');
  const progress = { frame: 1, frames: 1000, remainingMs: 40_000 };
  await consumer.heartbeat([{ claim, progress }]);
  expectAhead((await estimator.estimate(task))?.startAt, 40);
});

test('a worker that does not say how fast it is counts as fast as tasks were done lately', async () => {
  const expectAhead = stopwatch();
  const { estimator, submit, consumer } = await setup();
  await consumer.describe({ slots: 1, priorities: ['NORMAL'] });
  await submit(10);
  const claim = await consumer.claim();
  if (claim === undefined) throw new Error('nothing to claim');
  const begunEarlier = { ...claim.task, updatedAt: claim.task.updatedAt - 20_000 };
  await consumer.complete({ task: begunEarlier, token: claim.token }, {});
  const estimate = await estimator.estimate({ priority: 'NORMAL', seconds: 10 });
  expectAhead(estimate?.finishAt, 20);
});

test('tasks that took longer lately than the decoder says slow the fleet down by as much', async () => {
  const expectAhead = stopwatch();
  const { estimator, submit, consumer, join } = await setup({ speed: 2 });
  await join();
  await submit(10);
  const claim = await consumer.claim();
  if (claim === undefined) throw new Error('nothing to claim');
  const begunEarlier = { ...claim.task, updatedAt: claim.task.updatedAt - 20_000 };
  await consumer.complete({ task: begunEarlier, token: claim.token }, {});
  const estimate = await estimator.estimate({ priority: 'NORMAL', seconds: 10 });
  expectAhead(estimate?.finishAt, 20);
});

test('a task is submitted with its audio as its cost and with when it is expected to be done', async () => {
  const { estimator, submit, join } = await setup();
  await submit(20);
  const request = { priority: 'NORMAL', duration: 9.5 } as const;
  expect(await estimator.submission(request)).toEqual({ cost: 9_500 });
  await join();
  const { cost, expectedMs } = await estimator.submission(request);
  expect([cost, Number(expectedMs) / 1000]).toEqual([9_500, expect.closeTo(14.75, 1)]);
});

test('of tasks that come at once each has those before it in its way, in one batch and one by one', async () => {
  const expectAhead = stopwatch();
  const { estimator, join } = await setup({ refreshMs: 60_000 });
  await join();
  const low = { priority: 'LOW', duration: 10 } as const;
  const expected = async (...before: (typeof low)[]) =>
    Number((await estimator.submission(low, before)).expectedMs) / 1000;
  expect([await expected(), await expected(low, low)]).toEqual([5, 15]);
  estimator.admitted([low, low, { ...low, priority: 'HIGH' }]);
  expect(await expected()).toBe(20);
  // The queue was looked at before they came.
  const third = await estimator.estimate({ priority: 'LOW', seconds: 10, ahead: 7 });
  expectAhead(third?.startAt, 40);
});

test('a worker that is to drain takes no part any more', async () => {
  const { estimator, join, queue } = await setup();
  await join();
  const [worker] = await queue.createMonitor().workers();
  await queue.createAdmin().drainWorker(worker?.id ?? '');
  expect(await estimator.estimate({ priority: 'NORMAL', seconds: 10 })).toBeUndefined();
});

test('callers that a full queue refuses are told when there will be room, spread out', async () => {
  const { estimator, submit, join } = await setup();
  await join();
  for (let count = 0; count < 20; count++) await submit(30);
  const seconds = await estimator.secondsUntilRoom(10);
  expect(seconds).toBeGreaterThanOrEqual(132);
  expect(seconds).toBeLessThanOrEqual(198);
  expect(await estimator.secondsUntilRoom(100)).toBe(5);
});

test('however many ask, the queue is looked at once', async () => {
  const { estimator, join } = await setup({ refreshMs: 60_000 });
  await join();
  const scripts = async () =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
  await estimator.estimate({ priority: 'NORMAL', seconds: 10 });
  const before = await scripts();
  await Promise.all(Array.from({ length: 100 }, () => estimator.estimate({ priority: 'HIGH', seconds: 10 })));
  expect(await scripts()).toBe(before);
});

test('without Redis there is no estimate, and no error', async () => {
  const away = new Redis('redis://127.0.0.1:1', { enableOfflineQueue: false, retryStrategy: () => null });
  away.on('error', () => {});
  const estimator = createEstimator({ monitor: createStreamsQueue({ redis: away }).createMonitor() });
  expect(await estimator.estimate({ priority: 'NORMAL', seconds: 10 })).toBeUndefined();
  expect(await estimator.secondsUntilRoom(10)).toBe(5);
  await expect(estimator.fleet()).rejects.toThrow();
});

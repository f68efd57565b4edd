import { claimOne, newTask, type TestQueue, useTestServer } from './test-setup.ts';

const setup = useTestServer();
const broken = { code: 'generation_failed', detail: 'Not a number', retryable: false } as const;

test('counts follow every transition', async () => {
  const { queue, enqueue, consumer, producer } = await setup();
  const monitor = queue.createMonitor();
  for (let count = 0; count < 6; count++) await enqueue();
  await consumer.complete(await claimOne(consumer), {});
  await consumer.fail(await claimOne(consumer), broken);
  await consumer.fail(await claimOne(consumer), { ...broken, retryable: true });
  await claimOne(consumer);
  await producer.cancel(await enqueue());
  await enqueue({ ttlSeconds: 0 });
  await queue.createJanitor().clean();

  expect(await monitor.counts()).toEqual({
    pending: 3,
    processing: 1,
    completed: 1,
    failed: 1,
    cancelled: 1,
    expired: 1,
  });
  expect(await monitor.delayed()).toBe(1);
});

test('queues report what waits and runs, the age of their oldest task, and whether they are paused', async () => {
  const { queue, enqueue, consumer, redis, keys } = await setup();
  const old = await enqueue({ priority: 'HIGH' });
  await enqueue({ priority: 'HIGH' });
  await redis.zadd(keys.waiting('HIGH'), 'XX', Date.now() - 60_000, old);
  await enqueue({ priority: 'CRITICAL' });
  await claimOne(consumer);
  await queue.createAdmin().pause('LOW');

  const [critical, high, , low] = await queue.createMonitor().queues();
  expect(critical).toEqual({ priority: 'CRITICAL', waiting: 0, running: 1, paused: false });
  expect(high).toMatchObject({ priority: 'HIGH', waiting: 2 });
  expect(high?.oldestAgeMs).toBeGreaterThanOrEqual(59_000);
  expect(low).toMatchObject({ waiting: 0, paused: true });
});

test('a stream says whether it has its group, and which tasks have no entry in it any more', async () => {
  const { queue, enqueue, consumer, redis, keys } = await setup();
  await enqueue({ priority: 'HIGH' });
  await enqueue({ priority: 'HIGH' });
  const held = await claimOne(consumer);
  await enqueue({ priority: 'CRITICAL' });
  const { streams } = queue.createMonitor();
  expect(await streams()).toEqual([
    { priority: 'CRITICAL', hasGroup: true, entries: 1, missing: 0 },
    { priority: 'HIGH', hasGroup: true, entries: 2, missing: 0 },
    { priority: 'NORMAL', hasGroup: true, entries: 0, missing: 0 },
    { priority: 'LOW', hasGroup: true, entries: 0, missing: 0 },
  ]);
  await consumer.handBack(held);
  await redis.xgroup('DESTROY', keys.stream('LOW'), 'workers');
  await redis.xtrim(keys.stream('HIGH'), 'MAXLEN', 0);
  await redis.del(keys.stream('CRITICAL'));
  expect(await streams()).toMatchObject([
    { hasGroup: false, entries: 0, missing: 1 },
    { hasGroup: true, entries: 0, missing: 2 },
    { missing: 0 },
    { hasGroup: false, missing: 0 },
  ]);
  await redis.set(keys.stream('NORMAL'), 'something else');
  await expect(streams()).rejects.toMatchObject({ message: expect.stringContaining('WRONGTYPE') });
});

test('tasks are counted by priority and age from submission to removal', async () => {
  const { queue, enqueue, producer, redis, keys } = await setup();
  const monitor = queue.createMonitor();
  const moved = await enqueue({ priority: 'LOW' });
  const removed = await enqueue({ priority: 'LOW' });
  await enqueue({ priority: 'CRITICAL' });
  await producer.update(moved, { priority: 'HIGH' });
  await producer.cancel(removed);
  await redis.zadd(keys.expiry, 1, removed);
  await queue.createJanitor().clean();

  const { byPriority, byAge } = await monitor.existing();
  expect(byPriority).toEqual({ CRITICAL: 1, HIGH: 1, NORMAL: 0, LOW: 0 });
  expect(byAge.reduce((sum, { count }) => sum + count, 0)).toBe(2);
  expect((byAge[0]?.count ?? 0) + (byAge[1]?.count ?? 0)).toBe(2);
});

test('rolling statistics up changes no answer', async () => {
  const { queue, enqueue, consumer, redis, keys } = await setup();
  const monitor = queue.createMonitor();
  await enqueue();
  await consumer.complete(await claimOne(consumer), {});
  const thisMinute = Math.floor(Date.now() / 60_000);
  await redis.hset(keys.minute(thisMinute - 30), { 'created:LOW': 5, 'failed:LOW': 2, gone: 1 });
  await redis.hset(keys.hour(Math.floor((thisMinute - 30) / 60)), { gone: 1 });
  const answers = async () => ({
    totals: [...(await monitor.totals())].filter(([name]) => name !== 'gone').sort(),
    existing: await monitor.existing(),
    trends: await monitor.trends(2),
    performance: await monitor.performance(3_600_000),
  });

  const before = await answers();
  await queue.createRoller().rollUp();
  expect(await answers()).toEqual(before);
  expect(before.existing.byAge[3]).toEqual({ fromMinutes: 15, count: 4 });
});

test('performance is measured over a window, from what the transitions counted', async () => {
  const { queue, enqueue, consumer } = await setup();
  const monitor = queue.createMonitor();
  for (const tookMs of [1_000, 2_000, 3_000, 100_000]) {
    await enqueue();
    const { task, token } = await claimOne(consumer);
    await consumer.complete({ task: { ...task, updatedAt: task.updatedAt - tookMs }, token }, {});
  }
  await enqueue();
  await consumer.fail(await claimOne(consumer), broken);
  await enqueue();
  await consumer.fail(await claimOne(consumer), { ...broken, retryable: true });

  const performance = await monitor.performance(3_600_000);
  expect(performance).toMatchObject({ successRate: 0.8, retryRate: 1 / 6, completedPerMinute: 4 / 60 });
  expect(performance.meanProcessingMs).toBeGreaterThan(26_400);
  expect(performance.meanProcessingMs).toBeLessThan(27_500);
  expectWithin(performance.p50ProcessingMs, 2_000, 2_400);
  expectWithin(performance.p99ProcessingMs, 100_000, 112_000);
  expect(performance.p95WaitingMs).toBeGreaterThanOrEqual(1);
  expect(await monitor.performance(604_800_000)).toMatchObject({ successRate: 0.8 });
});

test('a window in which nothing happened has rates that are unknown, not zero', async () => {
  const { queue } = await setup();
  expect(await queue.createMonitor().performance(60_000)).toEqual({
    meanProcessingMs: undefined,
    p50ProcessingMs: undefined,
    p95ProcessingMs: undefined,
    p99ProcessingMs: undefined,
    p50WaitingMs: undefined,
    p95WaitingMs: undefined,
    successRate: undefined,
    retryRate: undefined,
    completed: 0,
    failed: 0,
    expired: 0,
    completedPerMinute: 0,
  });
});

test('trends count what happened hour by hour', async () => {
  const { queue, enqueue, consumer, redis, keys } = await setup();
  await enqueue();
  await enqueue();
  await consumer.complete(await claimOne(consumer), {});
  const thisHour = Math.floor(Date.now() / 3_600_000);
  await redis.hset(keys.hour(thisHour - 2), { 'created:LOW': 7, 'failed:LOW': 1, 'failed:HIGH': 2 });

  const trends = await queue.createMonitor().trends(3);
  expect(trends.map(({ startsAt }) => startsAt / 3_600_000 - thisHour)).toEqual([-2, -1, 0]);
  expect(trends[0]).toMatchObject({ created: 7, completed: 0, failed: 3 });
  expect(trends[2]).toMatchObject({ created: 2, completed: 1, failed: 0 });
});

test('waiting tasks are listed in claim order', async () => {
  const { queue, enqueue, consumer } = await setup();
  const ids = [await enqueue(), await enqueue(), await enqueue()];
  await consumer.handBack(await claimOne(consumer));
  const listed = await queue.createMonitor().waiting('NORMAL', 2);
  expect(listed.map(({ task }) => task.id)).toEqual(ids.slice(0, 2));
  expect(listed[0]?.queuedAt).toBe(listed[0]?.task.createdAt);
});

test('attempts that run for too long are listed, the longest first', async () => {
  const { queue, enqueue, consumer, redis, keys } = await setup();
  const ids = [await enqueue(), await enqueue(), await enqueue()] as const;
  for (const _ of ids) await claimOne(consumer);
  await redis.zadd(keys.processing, 'XX', Date.now() - 10_000, ids[1], Date.now() - 20_000, ids[2]);
  const { total, tasks } = await queue.createMonitor().stalled(5_000, 10);
  expect(total).toBe(2);
  expect(tasks.map(({ task }) => task.id)).toEqual([ids[2], ids[1]]);
});

test('live workers are listed with what they say about themselves and how much they hold', async () => {
  const { queue, createConsumer, enqueue } = await setup();
  const worker = createConsumer({ workerId: 'worker-1' });
  await enqueue();
  await claimOne(worker);
  createConsumer({ workerId: 'silent' });
  await worker.describe({ slots: 2 });
  await queue.createAdmin().drainWorker('worker-1');
  expect(await queue.createMonitor().workers()).toEqual([
    { id: 'worker-1', seenAt: expect.any(Number), draining: true, holding: 1, description: { slots: 2 } },
  ]);
});

test('no answer of the monitor costs more for a hundred thousand tasks than for ten', async () => {
  const few = await setup();
  const many = await setup();
  for (let count = 0; count < 10; count++) await Promise.all([few.enqueue(), many.enqueue()]);
  for (let batch = 0; batch < 100; batch++) await crowd(many);
  expect(await many.queue.createMonitor().counts()).toMatchObject({ pending: 100_010, processing: 100_000 });

  expect(await commandsOfAllAnswers(many)).toBe(await commandsOfAllAnswers(few));

  /** A thousand more in the indexes that grow with the tasks; the records behind them are not read. */
  async function crowd({ redis, keys }: TestQueue): Promise<void> {
    const members = Array.from({ length: 1_000 }, () => [Date.now(), newTask().id]).flat();
    await redis.zadd(keys.waiting('NORMAL'), ...members);
    await redis.zadd(keys.expiry, ...members);
    await redis.zadd(keys.owned(''), ...members);
    await redis.zadd(keys.processing, ...members);
  }

  async function commandsOfAllAnswers({ queue, redis }: TestQueue): Promise<number> {
    const processed = async () =>
      Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]);
    const monitor = queue.createMonitor();
    const before = await processed();
    await monitor.counts();
    await monitor.queues();
    await monitor.existing();
    await monitor.performance(3_600_000);
    await monitor.trends(24);
    await monitor.totals();
    await monitor.waiting('NORMAL', 10);
    await monitor.stalled(3_600_000, 10);
    await monitor.workers();
    await monitor.lifecycle();
    return (await processed()) - before;
  }
}, 120_000);

function expectWithin(value: number | undefined, least: number, most: number): void {
  expect(value).toBeGreaterThanOrEqual(least);
  expect(value).toBeLessThanOrEqual(most);
}

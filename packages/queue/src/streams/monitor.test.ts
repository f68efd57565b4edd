import { countOf } from '../tally.ts';
import { claimOne, newTask, type StreamsTestQueue, useTestServer } from './test-setup.ts';

const setup = useTestServer();

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

test('rolling statistics up changes no answer', async () => {
  const [before, after] = await inOneMinute(async () => {
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
    return [before, await answers()] as const;
  });
  expect(after).toEqual(before);
  expect(before.existing.byAge[3]).toEqual({ fromMinutes: 15, count: 4 });
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
  // Their statistics begin in one minute, too.
  const [few, many] = await inOneMinute(async () => [await setup(), await setup()] as const);
  for (let count = 0; count < 10; count++) await Promise.all([few.enqueue(), many.enqueue()]);
  for (let batch = 0; batch < 100; batch++) await crowd(many);
  expect(await many.queue.createMonitor().counts()).toMatchObject({ pending: 100_010, processing: 100_000 });

  const [ofMany, ofFew] = await inOneMinute(async () => [
    await commandsOfAllAnswers(many),
    await commandsOfAllAnswers(few),
  ]);
  expect(ofMany).toBe(ofFew);

  /** A thousand more in the indexes that grow with the tasks, behind the ten: they have no records that could be read. */
  async function crowd({ redis, keys }: StreamsTestQueue): Promise<void> {
    const members = Array.from({ length: 1_000 }, () => [Date.now() + 1_000, newTask().id]).flat();
    await redis.zadd(keys.waiting('NORMAL'), ...members);
    await redis.zadd(keys.expiry, ...members);
    await redis.zadd(keys.owned(''), ...members);
    await redis.zadd(keys.processing, ...members);
  }

  async function commandsOfAllAnswers({ queue, redis }: StreamsTestQueue): Promise<number> {
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

/** Asks again, from the beginning, when a minute began meanwhile: the answers would be of different numbers of minutes. */
async function inOneMinute<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const minute = () => Math.floor(Date.now() / 60_000);
  const began = minute();
  const answer = await ask();
  return minute() === began ? answer : ask();
}

test('the totals of a new queue are read at the price of one minute, not of a day', async () => {
  const { queue, enqueue, redis } = await setup();
  await enqueue();
  await redis.config('RESETSTAT');
  expect(countOf(await queue.createMonitor().totals(), 'created')).toBe(1);
  const [, reads] = /cmdstat_hgetall:calls=(\d+)/.exec(await redis.info('commandstats')) ?? [];
  // The totals, this minute, and the next one if that has begun.
  expect(Number(reads)).toBeLessThanOrEqual(3);
});

import { claimOne, newTask, type TestQueue, useTestServer } from './test-setup.ts';

const setup = useTestServer();
const broken = { code: 'generation_failed', detail: 'Not a number', retryable: false } as const;

/** The sum as the queue keeps it, and as it is when every waiting task is looked at. */
async function sums({ queue, redis, keys }: TestQueue) {
  const kept = (await queue.createMonitor().backlog()).waiting.NORMAL;
  const ids = await redis.zrange(keys.waiting('NORMAL'), '0', '-1');
  const costs = await Promise.all(ids.map((id) => redis.hget(keys.task(id), 'cost')));
  return { kept, counted: { tasks: ids.length, cost: costs.reduce((sum, cost) => sum + Number(cost), 0) } };
}

test('the cost of what waits follows every move of a task', async () => {
  const test = await setup();
  const { producer, consumer, enqueue, queue } = test;
  const stays = async () => {
    const { kept, counted } = await sums(test);
    expect(kept).toEqual(counted);
    return kept;
  };
  const ids = [];
  for (const cost of [10_000, 300_000, 2_500, 1_000, 700]) ids.push(await enqueue({ cost, maxAttempts: 2 }));
  expect(await stays()).toEqual({ tasks: 5, cost: 314_200 });

  await producer.cancel(ids[1] ?? '');
  expect(await stays()).toEqual({ tasks: 4, cost: 14_200 });
  await consumer.handBack(await claimOne(consumer));
  expect(await stays()).toEqual({ tasks: 4, cost: 14_200 });
  await consumer.fail(await claimOne(consumer), { ...broken, retryable: true });
  expect(await stays()).toEqual({ tasks: 3, cost: 4_200 });
  await producer.update(ids[2] ?? '', { priority: 'HIGH' });
  expect(await stays()).toEqual({ tasks: 2, cost: 1_700 });
  expect((await queue.createMonitor().backlog()).waiting.HIGH).toEqual({ tasks: 1, cost: 2_500 });
  await consumer.complete(await claimOne(consumer), {});
  await consumer.complete(await claimOne(consumer), {});
  expect(await stays()).toEqual({ tasks: 1, cost: 700 });
});

test('a sum that lost data left behind is gone with the last waiting task', async () => {
  const { queue, redis, keys } = await setup();
  await redis.hset(keys.backlog, 'LOW', 5_000);
  expect((await queue.createMonitor().backlog()).waiting.LOW).toEqual({ tasks: 0, cost: 0 });
  await queue.createRoller().rollUp();
  expect(await redis.hgetall(keys.backlog)).toEqual({});
});

test('what runs is told with its cost and with what its worker last said it needs', async () => {
  const { queue, consumer, enqueue } = await setup();
  await enqueue({ cost: 8_000 });
  await enqueue();
  const first = await claimOne(consumer);
  const second = await claimOne(consumer);
  await consumer.heartbeat([{ claim: first, progress: { frame: 10, frames: 400, remainingMs: 1_500 } }]);
  await queue.createAdmin().pause('LOW');
  const { at, processing, running, paused } = await queue.createMonitor().backlog();
  expect([processing, paused]).toEqual([2, ['LOW']]);
  expect(running).toEqual([
    {
      claimedAt: first.task.updatedAt,
      worker: first.task.worker,
      cost: 8_000,
      remainingMs: 1_500,
      updatedAt: expect.any(Number),
    },
    { claimedAt: second.task.updatedAt, worker: second.task.worker },
  ]);
  expect(at).toBeGreaterThanOrEqual(second.task.updatedAt);
});

test('how fast a slot works is what was completed, by its cost, for the time it took', async () => {
  const { queue, consumer, enqueue } = await setup();
  for (const cost of [10_000, 30_000]) {
    await enqueue({ cost });
    const { task, token } = await claimOne(consumer);
    await consumer.complete({ task: { ...task, updatedAt: task.updatedAt - 20_000 }, token }, {});
  }
  const { costPerSecond } = await queue.createMonitor().performance(3_600_000);
  expect(costPerSecond).toBeGreaterThan(950);
  expect(costPerSecond).toBeLessThanOrEqual(1_000);
});

test('a cost or an expectation that is no whole number is refused before anything is stored', async () => {
  const { producer, redis, keys } = await setup();
  await expect(producer.enqueue(newTask({ cost: 1.5 }))).rejects.toThrow(/whole numbers/);
  await expect(producer.enqueue(newTask({ expectedMs: -1 }))).rejects.toThrow(/whole numbers/);
  expect(await redis.exists(keys.stream('NORMAL'), keys.backlog)).toBe(1);
});

test('a cost that has become unreadable keeps no task from leaving its queue', async () => {
  const { consumer, enqueue, redis, keys, producer, queue } = await setup();
  const ids = [await enqueue({ cost: 5 }), await enqueue({ cost: 5 })] as const;
  for (const id of ids) await redis.hset(keys.task(id), 'cost', 'much');
  expect(await producer.cancel(ids[0])).toBe('cancelled');
  expect(await consumer.claim()).toBeUndefined();
  expect(await redis.zcard(keys.waiting('NORMAL'))).toBe(0);
  expect(await queue.createMonitor().deadLetters()).toBe(1);
});

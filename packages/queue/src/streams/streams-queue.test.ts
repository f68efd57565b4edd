import { claimOne, newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('a task goes from its submission to its result', async () => {
  const { producer, consumer } = await setup();
  const task = newTask({ priority: 'HIGH', requestId: 'request-1' });

  const admitted = await producer.enqueue(task);
  expect(admitted).toEqual(await producer.get(task.id));
  expect(admitted).toMatchObject({ status: 'pending', attempt: 0, request: task.request });

  const claim = await claimOne(consumer);
  expect(claim.task).toMatchObject({ id: task.id, status: 'processing', attempt: 1, requestId: 'request-1' });

  const progress = { frame: 10, frames: 500 };
  expect(await consumer.heartbeat([{ claim, stage: 'generating', progress }])).toEqual(['ok']);
  expect(await producer.get(task.id)).toMatchObject({ stage: 'generating', progress });

  expect(await consumer.complete(claim, { duration: 10 })).toBe('completed');
  const finished = await producer.get(task.id);
  expect(finished).toMatchObject({ status: 'completed', result: { duration: 10 } });
  expect(finished?.stage).toBeUndefined();
  expect(await consumer.claim()).toBeUndefined();
});

test('finished tasks leave nothing in stream, group and indexes but their record', async () => {
  const { queue, redis, keys, enqueue, consumer } = await setup();
  await enqueue();
  await consumer.complete(await claimOne(consumer), {});

  expect(await redis.xlen(keys.stream('NORMAL'))).toBe(0);
  expect(await redis.xpending(keys.stream('NORMAL'), 'workers')).toEqual([0, null, null, null]);
  expect(await redis.zcard(keys.waiting('NORMAL'))).toBe(0);
  expect(await redis.zcard(keys.processing)).toBe(0);
  expect(await queue.createMonitor().counts()).toMatchObject({ completed: 1 });
});

test('maintenance brings a lost task back without anyone asking', async () => {
  const { queue, enqueue, consumer, createConsumer } = await setup();
  const id = await enqueue();
  await claimOne(consumer);

  const lapsed = new Promise((resolve) => queue.events.once('lease:lapsed', resolve));
  const maintenance = queue.startMaintenance({ intervalMs: 10, leaseMs: 20 });
  expect(await lapsed).toEqual({ taskId: id, priority: 'NORMAL', outcome: 'returned' });
  await maintenance.stop();
  expect((await claimOne(createConsumer())).task).toMatchObject({ id, attempt: 1, stalls: 1 });
});

test('a duty that fails is reported and does not end the loop', async () => {
  const { redis, keys, queue } = await setup();
  await redis.set(keys.delayed, 'not a sorted set');
  const failed = new Promise((resolve) => queue.events.once('duty:failed', resolve));
  const maintenance = queue.startMaintenance({ intervalMs: 10 });
  expect(await failed).toMatchObject({ duty: 'promote due retries' });

  await redis.del(keys.delayed);
  const removed = new Promise((resolve) => queue.events.once('retry:promoted', resolve));
  await redis.zadd(keys.delayed, 1, await delayedTask());
  await removed;
  await maintenance.stop();

  async function delayedTask(): Promise<string> {
    await redis.hset(keys.task('retry-1'), { status: 'pending', priority: 'LOW' });
    return 'retry-1';
  }
});

import { Redis } from 'ioredis';
import { failFastRedisOptions } from './redis-client.ts';
import { createStreamsQueue } from './streams-queue.ts';
import { claimOne, newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('the same task sent twice, because a reply was lost, makes one task', async () => {
  const { producer, redis, keys } = await setup();
  const task = newTask();
  const [first, second] = await Promise.all([producer.enqueue(task), producer.enqueue(task)]);
  expect(second).toEqual(first);
  expect(await redis.xlen(keys.stream('NORMAL'))).toBe(1);
});

test('a task that is sent again after it was claimed comes back as it stands', async () => {
  const { producer, consumer } = await setup();
  const task = newTask();
  await producer.enqueue(task);
  await claimOne(consumer);
  expect(await producer.enqueue(task)).toMatchObject({ status: 'processing', attempt: 1 });
});

test('beyond the backlog limit a task is refused and nothing is stored', async () => {
  const { queue, redis, keys } = await setup();
  const producer = queue.createProducer({ maxLength: 2 });
  await producer.enqueue(newTask({ priority: 'LOW' }));
  await producer.enqueue(newTask({ priority: 'CRITICAL' }));

  const refused = newTask();
  await expect(producer.enqueue(refused)).rejects.toMatchObject({ code: 'queue_full' });
  expect(await producer.get(refused.id)).toBeUndefined();
  expect(await redis.zcard(keys.expiry)).toBe(2);
});

test('tasks that wait for a retry count towards the backlog limit', async () => {
  const { queue, consumer, enqueue } = await setup();
  await enqueue();
  await consumer.fail(await claimOne(consumer), { code: 'engine_crashed', detail: 'gone', retryable: true });
  await expect(queue.createProducer({ maxLength: 1 }).enqueue(newTask())).rejects.toMatchObject({
    code: 'queue_full',
  });
});

test('a waiting task knows its place, and how many go before it in better queues', async () => {
  const { producer, enqueue, consumer } = await setup();
  const first = await enqueue();
  const second = await enqueue();
  await enqueue({ priority: 'CRITICAL' });
  await enqueue({ priority: 'LOW' });

  expect(await producer.place(first)).toEqual({ position: 1, ahead: 1 });
  expect(await producer.place(second)).toEqual({ position: 2, ahead: 2 });
  await claimOne(consumer);
  await claimOne(consumer);
  expect(await producer.place(first)).toBeUndefined();
  expect(await producer.place(second)).toEqual({ position: 1, ahead: 0 });
  expect(await producer.place('nobody')).toBeUndefined();
});

test('cancelling a waiting task ends it at once and its place closes up', async () => {
  const { producer, enqueue, consumer, redis, keys } = await setup();
  const cancelled = await enqueue();
  const next = await enqueue();

  expect(await producer.cancel(cancelled)).toBe('cancelled');
  expect(await producer.get(cancelled)).toMatchObject({ status: 'cancelled' });
  expect(await producer.place(next)).toEqual({ position: 1, ahead: 0 });
  expect(await redis.xlen(keys.stream('NORMAL'))).toBe(1);
  expect((await claimOne(consumer)).task.id).toBe(next);
  expect(await consumer.claim()).toBeUndefined();
});

test('cancelling a task that waits for its retry ends it at once', async () => {
  const { producer, enqueue, consumer, queue } = await setup();
  const id = await enqueue();
  await consumer.fail(await claimOne(consumer), { code: 'engine_crashed', detail: 'gone', retryable: true });
  expect(await producer.cancel(id)).toBe('cancelled');
  await queue.createPromoter().promote();
  expect(await consumer.claim()).toBeUndefined();
});

test('cancelling says what it found: nothing, something running, something finished', async () => {
  const { producer, enqueue, consumer } = await setup();
  expect(await producer.cancel('nobody')).toBe('unknown');
  const id = await enqueue();
  const claim = await claimOne(consumer);
  expect(await producer.cancel(id)).toBe('stopping');
  expect(await producer.cancel(id)).toBe('stopping');
  expect(await producer.get(id)).toMatchObject({ status: 'processing', cancelRequested: true });
  await consumer.acknowledgeCancel(claim);
  expect(await producer.cancel(id)).toBe('finished');
});

test('ids that would collide with other keys are refused', async () => {
  const { producer } = await setup();
  await expect(producer.enqueue(newTask({ id: 'stream' }))).rejects.toThrow(RangeError);
  await expect(producer.enqueue(newTask({ id: 'a:b' }))).rejects.toThrow(RangeError);
});

test('while Redis is away a call fails at once instead of waiting', async () => {
  const redis = new Redis(1, '127.0.0.1', failFastRedisOptions);
  redis.on('error', () => {});
  const producer = createStreamsQueue({ redis }).createProducer();
  await expect(producer.enqueue(newTask())).rejects.toMatchObject({ code: 'dependency_unavailable' });
  await expect(producer.get('any')).rejects.toMatchObject({ code: 'dependency_unavailable' });
  redis.disconnect();
});

test('a Redis that accepts the command and never answers fails the call in time', async () => {
  const { queue, redis } = await setup();
  const blocked = redis.blpop('nobody-rings-this', 0);
  const producer = queue.createProducer({ timeoutMs: 50 });
  await expect(producer.enqueue(newTask())).rejects.toMatchObject({ code: 'dependency_unavailable' });
  redis.disconnect();
  await expect(blocked).rejects.toThrow();
});

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

test('a batch is admitted as a whole, in the order given', async () => {
  const { producer, consumer } = await setup();
  const tasks = [newTask(), newTask(), newTask()];
  const records = await producer.enqueueBatch(tasks);
  expect(records.map(({ id }) => id)).toEqual(tasks.map(({ id }) => id));
  for (const { id } of tasks) expect((await claimOne(consumer)).task.id).toBe(id);
});

test('a batch that does not fit into the backlog is refused as a whole', async () => {
  const { queue, redis, keys } = await setup();
  const producer = queue.createProducer({ maxLength: 2 });
  const tasks = [newTask(), newTask(), newTask()];
  await expect(producer.enqueueBatch(tasks)).rejects.toMatchObject({ code: 'queue_full' });
  expect(await redis.zcard(keys.expiry)).toBe(0);
  await producer.enqueueBatch(tasks.slice(0, 2));
  expect(await redis.zcard(keys.expiry)).toBe(2);
});

test('a batch that is sent again makes no second tasks, even when the queue is full by then', async () => {
  const { queue, redis, keys } = await setup();
  const producer = queue.createProducer({ maxLength: 2 });
  const tasks = [newTask(), newTask()];
  const first = await producer.enqueueBatch(tasks);
  expect(await producer.enqueueBatch(tasks)).toEqual(first);
  expect(await redis.xlen(keys.stream('NORMAL'))).toBe(2);
});

test('a batch of more than a hundred, or with an id twice, is a mistake', async () => {
  const { producer } = await setup();
  const task = newTask();
  await expect(producer.enqueueBatch([task, task])).rejects.toThrow(RangeError);
  await expect(producer.enqueueBatch(Array.from({ length: 101 }, () => newTask()))).rejects.toThrow(
    RangeError,
  );
});

test('the same idempotency key means the same task, whatever its id', async () => {
  const { producer, consumer, redis, keys } = await setup();
  const idempotency = { key: 'order 7 {x}', requestHash: 'sha256-abc' };
  const first = await producer.enqueue(newTask({ idempotency }));
  await claimOne(consumer);
  expect(await producer.enqueue(newTask({ idempotency }))).toMatchObject({
    id: first.id,
    status: 'processing',
  });
  expect(await redis.zcard(keys.expiry)).toBe(1);
});

test('the same idempotency key with another request is refused, and the whole batch with it', async () => {
  const { producer, redis, keys } = await setup();
  await producer.enqueue(newTask({ idempotency: { key: 'k', requestHash: 'one' } }));
  const other = newTask({ idempotency: { key: 'k', requestHash: 'two' } });
  await expect(producer.enqueueBatch([newTask(), other])).rejects.toMatchObject({
    code: 'idempotency_mismatch',
  });
  expect(await redis.zcard(keys.expiry)).toBe(1);
});

test('an idempotency key is free again once its task is removed', async () => {
  const { producer, consumer, queue, redis, keys } = await setup();
  const idempotency = { key: 'k', requestHash: 'one' };
  const first = await producer.enqueue(newTask({ idempotency }));
  await consumer.complete(await claimOne(consumer), {});
  await redis.zadd(keys.expiry, 1, first.id);
  await queue.createJanitor().clean();
  expect((await producer.enqueue(newTask({ idempotency }))).id).not.toBe(first.id);
});

test('a waiting task can change its priority and goes to the end of that queue', async () => {
  const { producer, enqueue, consumer } = await setup();
  const high = await enqueue({ priority: 'HIGH' });
  const promoted = await enqueue({ priority: 'LOW' });
  expect(await producer.update(promoted, { priority: 'HIGH' })).toBe('updated');
  expect(await producer.get(promoted)).toMatchObject({ priority: 'HIGH' });
  expect(await producer.place(promoted)).toEqual({ position: 2, ahead: 1 });
  expect((await claimOne(consumer)).task.id).toBe(high);
  expect((await claimOne(consumer)).task.id).toBe(promoted);
  expect(await consumer.claim()).toBeUndefined();
});

test('a task that waits for its retry takes a new priority along', async () => {
  const { producer, enqueue, createConsumer, queue } = await setup();
  const consumer = createConsumer({ retry: { baseMs: 0, capMs: 0 } });
  const id = await enqueue({ priority: 'LOW' });
  await consumer.fail(await claimOne(consumer), { code: 'engine_crashed', detail: 'gone', retryable: true });
  expect(await producer.update(id, { priority: 'CRITICAL' })).toBe('updated');
  await queue.createPromoter().promote();
  expect(await producer.place(id)).toEqual({ position: 1, ahead: 0 });
  expect((await claimOne(createConsumer({ priorities: ['CRITICAL'] }))).task.id).toBe(id);
});

test('a waiting task can change its time to live, counted from its submission', async () => {
  const { producer, enqueue, redis, keys } = await setup();
  const id = await enqueue({ ttlSeconds: 60 });
  expect(await producer.update(id, { ttlSeconds: 600 })).toBe('updated');
  const task = await producer.get(id);
  expect(task?.expiresAt).toBe((task?.createdAt ?? 0) + 600_000);
  expect(Number(await redis.zscore(keys.expiry, id))).toBe(task?.expiresAt);
});

test('only a pending task can be changed', async () => {
  const { producer, enqueue, consumer } = await setup();
  const id = await enqueue();
  await claimOne(consumer);
  expect(await producer.update(id, { priority: 'LOW' })).toBe('not_pending');
  expect(await producer.update('nobody', { priority: 'LOW' })).toBe('unknown');
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

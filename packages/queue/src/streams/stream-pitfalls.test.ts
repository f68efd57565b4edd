import { setTimeout as delay } from 'node:timers/promises';
import { claimOne, newTask, useTestServer } from './test-setup.ts';

/** What Redis Streams invite to do wrong, where no other file here holds the test. */
const setup = useTestServer();

test('a worker that a LOW task woke takes the CRITICAL one that arrived with it', async () => {
  const { enqueue, consumer, redis } = await setup();
  const waiting = consumer.waitForTask(30_000, new AbortController().signal);
  // Both are there before the server wakes anybody.
  while (!/blocked_clients:[1-9]/.test(await redis.info('clients'))) await delay(5);
  const [, critical] = await Promise.all([enqueue({ priority: 'LOW' }), enqueue({ priority: 'CRITICAL' })]);
  await waiting;
  expect((await claimOne(consumer)).task.id).toBe(critical);
});

test('a claim never waits for a task, and a wait for one holds up no other call of its worker', async () => {
  const { enqueue, consumer, producer, redis } = await setup();
  const id = await enqueue();
  const claim = await claimOne(consumer);
  // Finds nothing, and so takes the wake-up away that is left.
  expect(await consumer.claim()).toBeUndefined();
  const stopping = new AbortController();
  const waiting = consumer.waitForTask(30_000, stopping.signal);
  while (!/blocked_clients:[1-9]/.test(await redis.info('clients'))) await delay(5);
  expect(await consumer.claim()).toBeUndefined();
  expect(await consumer.heartbeat([{ claim }])).toEqual(['ok']);
  expect(await consumer.complete(claim, {})).toBe('completed');
  expect(await producer.get(id)).toMatchObject({ status: 'completed' });
  expect(await redis.info('clients')).toMatch(/blocked_clients:1\r/);
  stopping.abort();
  await waiting;
});

test('a lease that another clock makes look lapsed costs a second run and never a second result', async () => {
  const { enqueue, createConsumer, queue, redis, keys, producer } = await setup();
  const id = await enqueue();
  const [first, second] = [createConsumer({ workerId: 'first', renewEveryMs: 0 }), createConsumer()];
  const claim = await claimOne(first);
  const entry = (await redis.hget(keys.task(id), 'entry')) ?? '';
  const recoverer = queue.createRecoverer({ leaseMs: 60_000 });
  const deliveredAt = (ms: number) =>
    redis.xclaim(keys.stream('NORMAL'), 'workers', 'first', 0, entry, 'TIME', Date.now() + ms, 'JUSTID');

  // A server whose clock is behind took over: nothing lapses, and the next renewal puts it right.
  await deliveredAt(3_600_000);
  expect(await recoverer.recover()).toBe(0);
  expect(await first.heartbeat([{ claim }])).toEqual(['ok']);

  // One whose clock is ahead.
  await deliveredAt(-3_600_000);
  expect(await recoverer.recover()).toBe(1);
  const taken = await claimOne(second);
  expect(await first.heartbeat([{ claim }])).toEqual(['lost']);
  expect(await first.complete(claim, { by: 'first' })).toBe('lost');
  expect(await second.complete(taken, { by: 'second' })).toBe('completed');
  expect(await producer.get(id)).toMatchObject({ result: { by: 'second' }, attempt: 1, stalls: 1 });
});

test('a master that must not write without a replica admits nothing and says why, and nothing is half-written', async () => {
  const { producer, consumer, redis, keys } = await setup();
  const task = newTask();
  await redis.config('SET', 'min-replicas-to-write', 1);
  try {
    await expect(producer.enqueue(task)).rejects.toMatchObject({
      code: 'dependency_unavailable',
      message: 'Redis could not admit the task: it has too few replicas to write',
    });
    expect(await redis.exists(keys.task(task.id), keys.content(task.id))).toBe(0);
    expect(await redis.zcard(keys.waiting('NORMAL'))).toBe(0);
  } finally {
    await redis.config('SET', 'min-replicas-to-write', 0);
  }
  await producer.enqueue(task);
  expect((await claimOne(consumer)).task.id).toBe(task.id);
});

test('a command of a worker leaves in the turn that sends it, not gathered with later ones', async () => {
  const { redis } = await setup();
  const before = redis.stream.bytesWritten;
  const answer = redis.ping();
  expect(redis.stream.bytesWritten).toBeGreaterThan(before);
  expect(await answer).toBe('PONG');
});

test('a stream without its group holds up no other, and what is completed meanwhile stays completed', async () => {
  const { enqueue, createConsumer, consumer, producer, redis, keys } = await setup();
  const first = await enqueue({ priority: 'CRITICAL' });
  const second = await enqueue({ priority: 'CRITICAL' });
  await enqueue({ priority: 'LOW' });
  const claim = await claimOne(consumer);
  await redis.xgroup('DESTROY', keys.stream('LOW'), 'workers');

  // In one call: the result, and a claim that meets the missing group after it has taken a task.
  const completed = consumer.complete(claim, { done: true });
  const taken = await consumer.claimUpTo(2);
  expect(await completed).toBe('completed');
  expect(taken.map(({ task }) => task.id)).toEqual([second]);
  expect(await producer.get(first)).toMatchObject({ status: 'completed', result: { done: true } });

  const ended = consumer.complete(taken[0] as (typeof taken)[0], {});
  const [next] = await consumer.claimUpTo(2);
  expect(await ended).toBe('completed');
  expect(next?.task.priority).toBe('LOW');
  expect(await createConsumer().claim()).toBeUndefined();
});

test('something foreign under the keys of one task harms no other that is completed in the same call', async () => {
  const { enqueue, consumer, producer, redis, keys } = await setup();
  const [broken, whole] = [await enqueue(), await enqueue()];
  const claims = await consumer.claimUpTo(2);
  await redis.del(keys.content(broken));
  await redis.lpush(keys.content(broken), 'no text');
  const outcomes = await Promise.all(claims.map((claim) => consumer.complete(claim, { done: true })));
  expect(outcomes).toEqual(['completed', 'completed']);
  expect(await producer.get(whole)).toMatchObject({ status: 'completed', result: { done: true } });
  expect(await redis.xlen(keys.stream('NORMAL'))).toBe(0);
});

test('looking for lapsed leases often takes none away early', async () => {
  const { enqueue, consumer, queue } = await setup();
  await enqueue();
  const claim = await claimOne(consumer);
  const recoverer = queue.createRecoverer({ leaseMs: 60_000 });
  for (let turn = 0; turn < 20; turn++) expect(await recoverer.recover()).toBe(0);
  expect(await consumer.heartbeat([{ claim }])).toEqual(['ok']);
});

test('a lost task is recovered by whoever looks, also when nobody is left who serves its priority', async () => {
  const { enqueue, createConsumer, queue, producer } = await setup();
  const id = await enqueue({ priority: 'LOW' });
  await claimOne(createConsumer({ priorities: ['LOW'] }));
  const others = createConsumer({ priorities: ['CRITICAL'] });
  expect(await queue.createRecoverer({ leaseMs: 0 }).recover()).toBe(1);
  expect(await others.claim()).toBeUndefined();
  expect(await producer.place(id)).toEqual({ position: 1, ahead: 0 });
});

test('a work stream is never trimmed, and its entries carry nothing but an id', async () => {
  const { queue, redis, keys } = await setup({ lifecycleLength: 1 });
  const producer = queue.createProducer();
  const tasks = Array.from({ length: 300 }, () => newTask({ request: { prompt: 'x'.repeat(500) } }));
  for (let from = 0; from < 300; from += 100) await producer.enqueueBatch(tasks.slice(from, from + 100));
  const entries = await redis.xrange(keys.stream('NORMAL'), '-', '+');
  expect(entries.map(([, fields]) => fields)).toEqual(tasks.map(({ id }) => ['id', id]));
  expect(await redis.xlen(keys.lifecycle)).toBeLessThan(300);
});

test('attempts count claims, however often an entry changed hands', async () => {
  const { enqueue, createConsumer, queue, redis, keys } = await setup();
  await enqueue();
  const recoverer = queue.createRecoverer({ leaseMs: 0, maxStalls: 10 });
  for (let turn = 0; turn < 3; turn++) {
    await claimOne(createConsumer());
    await recoverer.recover();
  }
  const { task } = await claimOne(createConsumer());
  const [[, , , deliveries] = []] = (await redis.xpending(keys.stream('NORMAL'), 'workers', '-', '+', 1)) as [
    string,
    string,
    number,
    number,
  ][];
  expect(task).toMatchObject({ attempt: 1, stalls: 3 });
  expect(deliveries).toBeGreaterThan(1);
});

test('a reader of the outbox that waits while Redis is flushed reads on', async () => {
  const { enqueue, consumer, queue, redis } = await setup();
  const reader = queue.createOutboxReader({ consumerName: 'api-1' });
  await reader.read(1);
  const waiting = reader.read(1, { waitMs: 30_000 });
  while (!/blocked_clients:[1-9]/.test(await redis.info('clients'))) await delay(5);
  await redis.flushall();
  const interrupted = await waiting.catch(() => []);
  const id = await enqueue({ notify: 'somebody' });
  await claimOne(consumer);
  const [turn] = interrupted.length > 0 ? interrupted : await reader.read(1, { waitMs: 30_000 });
  expect(turn).toMatchObject({ taskId: id, status: 'processing' });
  await reader.close();
});

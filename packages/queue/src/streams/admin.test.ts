import { claimOne, useTestServer } from './test-setup.ts';

const setup = useTestServer();
const broken = { code: 'generation_failed', detail: 'Not a number', retryable: true } as const;

test('a paused queue is passed over until it is resumed, and still admits tasks', async () => {
  const { queue, enqueue, consumer } = await setup();
  const admin = queue.createAdmin();
  await admin.pause('HIGH');
  const high = await enqueue({ priority: 'HIGH' });
  const low = await enqueue({ priority: 'LOW' });
  expect(await admin.paused()).toEqual(['HIGH']);
  expect((await claimOne(consumer)).task.id).toBe(low);
  expect(await consumer.claim()).toBeUndefined();

  await admin.resume('HIGH');
  expect(await admin.paused()).toEqual([]);
  expect((await claimOne(consumer)).task.id).toBe(high);
});

test('resuming a queue wakes the workers that wait for it', async () => {
  const { queue, enqueue, consumer } = await setup();
  const admin = queue.createAdmin();
  await admin.pause('NORMAL');
  const id = await enqueue();
  await consumer.waitForTask(30_000, new AbortController().signal);
  expect(await consumer.claim()).toBeUndefined();

  const waiting = consumer.waitForTask(30_000, new AbortController().signal);
  await admin.resume('NORMAL');
  await waiting;
  expect((await claimOne(consumer)).task.id).toBe(id);
});

test('a task that comes back to a paused queue waits there', async () => {
  const { queue, enqueue, consumer } = await setup();
  await enqueue();
  const claim = await claimOne(consumer);
  await queue.createAdmin().pause('NORMAL');
  await consumer.handBack(claim);
  expect(await consumer.claim()).toBeUndefined();
});

test('dead letters are listed page by page, the latest first', async () => {
  const { queue, enqueue, consumer, redis, keys } = await setup();
  const ids: string[] = [];
  for (let count = 1; count <= 3; count++) {
    ids.unshift(await enqueue({ maxAttempts: 1 }));
    await consumer.fail(await claimOne(consumer), broken);
    await redis.zadd(keys.dead, count, ids[0] ?? '');
  }
  const admin = queue.createAdmin();
  const first = await admin.deadLetters({ limit: 2 });
  const second = await admin.deadLetters({ limit: 2, cursor: first.next ?? '' });
  expect([...first.tasks, ...second.tasks].map(({ id }) => id)).toEqual(ids);
  expect(first.tasks[0]?.error).toEqual({ code: 'generation_failed', detail: 'Not a number' });
  expect(second.next).toBeUndefined();
});

test('dead letters that leave the list between two pages make no other be passed over', async () => {
  const { queue, redis, keys, enqueue, consumer } = await setup();
  const ids: string[] = [];
  for (let count = 0; count < 7; count++) {
    ids.push(await enqueue({ maxAttempts: 1 }));
    await consumer.fail(await claimOne(consumer), broken);
  }
  // All died in one moment, as when a store is down.
  for (const id of ids) await redis.zadd(keys.dead, 5, id);
  const admin = queue.createAdmin();
  const seen: string[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const page = await admin.deadLetters({ limit: 2, ...(cursor && { cursor }) });
    seen.push(...page.tasks.map(({ id }) => id));
    await admin.drop(page.tasks[0]?.id ?? '');
    cursor = page.next;
  }
  expect(seen.sort()).toEqual([...ids].sort());
  await expect(admin.deadLetters({ limit: 2, cursor: 'x' })).rejects.toThrow(RangeError);
});

test('every task comes when all are gone through, whatever its status', async () => {
  const { queue, enqueue, consumer, producer } = await setup();
  const ids: string[] = [];
  for (let count = 0; count < 300; count++) ids.push(await enqueue());
  await consumer.complete(await claimOne(consumer), { done: true });
  await producer.cancel(ids[299] ?? '');
  const admin = queue.createAdmin();
  const seen = new Set<string>();
  let pages = 0;
  let cursor: string | undefined;
  do {
    const page = await admin.everyTask({ limit: 50, ...(cursor !== undefined && { cursor }) });
    for (const { id } of page.tasks) seen.add(id);
    cursor = page.next;
    pages++;
  } while (cursor !== undefined);
  expect([...seen].sort()).toEqual([...ids].sort());
  expect(pages).toBeGreaterThan(3);
  await expect(admin.everyTask({ limit: 1, cursor: '-1' })).rejects.toThrow(RangeError);
});

test('a requeued dead letter has all its attempts and its time to live again', async () => {
  const { queue, enqueue, consumer, producer, redis, keys } = await setup();
  const id = await enqueue({ maxAttempts: 1, ttlSeconds: 600 });
  await consumer.fail(await claimOne(consumer), broken);
  const admin = queue.createAdmin();

  expect(await admin.requeue(id)).toBe(true);
  expect(await admin.requeue(id)).toBe(false);
  const task = await producer.get(id);
  expect(task).toMatchObject({ status: 'pending', attempt: 0, stalls: 0 });
  expect(task?.error).toBeUndefined();
  expect(task?.expiresAt).toBe((task?.updatedAt ?? 0) + 600_000);
  expect(await redis.exists(keys.dead)).toBe(0);
  expect(await queue.createMonitor().counts()).toMatchObject({ pending: 1, failed: 0 });
  expect((await claimOne(consumer)).task).toMatchObject({ id, attempt: 1 });
});

test('a dropped dead letter leaves the list, and its task stays failed', async () => {
  const { queue, enqueue, consumer, producer } = await setup();
  const id = await enqueue({ maxAttempts: 1 });
  await consumer.fail(await claimOne(consumer), broken);
  const admin = queue.createAdmin();
  expect(await admin.drop(id)).toBe(true);
  expect(await admin.drop(id)).toBe(false);
  expect(await admin.requeue(id)).toBe(false);
  expect(await admin.deadLetters({ limit: 10 })).toEqual({ tasks: [] });
  expect(await producer.get(id)).toMatchObject({ status: 'failed' });
});

test('a task that merely failed is no dead letter and cannot be requeued', async () => {
  const { queue, enqueue, consumer } = await setup();
  const id = await enqueue();
  await consumer.fail(await claimOne(consumer), { ...broken, retryable: false });
  expect(await queue.createAdmin().requeue(id)).toBe(false);
});

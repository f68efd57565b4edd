import { claimOne, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('unfinished tasks expire, waiting, delayed and running ones alike', async () => {
  const { enqueue, consumer, producer, queue, redis, keys } = await setup();
  const running = await enqueue();
  const claim = await claimOne(consumer);
  const delayed = await enqueue();
  await consumer.fail(await claimOne(consumer), { code: 'engine_crashed', detail: 'gone', retryable: true });
  const waiting = await enqueue();
  const ids = [running, delayed, waiting];
  for (const id of ids) await redis.zadd(keys.expiry, 1, id);

  expect(await queue.createJanitor().clean()).toEqual({ expired: 3, removed: 0 });
  for (const id of ids) expect(await producer.get(id)).toMatchObject({ status: 'expired' });
  expect(await consumer.heartbeat([{ claim }])).toEqual(['lost']);
  expect(await redis.xlen(keys.stream('NORMAL'))).toBe(0);
  expect(await redis.zcard(keys.delayed)).toBe(0);
});

test('an expired task can be asked for a while, then is gone', async () => {
  const { enqueue, producer, queue, redis, keys } = await setup({ expiredRetentionMs: 60_000 });
  const id = await enqueue({ ttlSeconds: 0 });
  const janitor = queue.createJanitor();
  expect(await janitor.clean()).toEqual({ expired: 1, removed: 0 });
  expect(await janitor.clean()).toEqual({ expired: 0, removed: 0 });
  await redis.zadd(keys.expiry, 1, id);
  expect(await janitor.clean()).toEqual({ expired: 0, removed: 1 });
  expect(await producer.get(id)).toBeUndefined();
});

test('a finished task is removed without a trace once its time is over', async () => {
  const { enqueue, consumer, queue, redis, keys } = await setup();
  const id = await enqueue({ ttlSeconds: 1 });
  await consumer.complete(await claimOne(consumer), {});
  await redis.zadd(keys.expiry, 1, id);
  const removed = new Promise((resolve) => queue.events.once('task:removed', resolve));

  expect(await queue.createJanitor().clean()).toEqual({ expired: 0, removed: 1 });
  expect(await removed).toEqual({ taskId: id });
  expect(await redis.exists(keys.task(id), keys.content(id), keys.expiry, keys.owned(''), keys.dead)).toBe(0);
});

test('the record stays until the artifacts are removed', async () => {
  const { enqueue, consumer, producer, queue, redis, keys } = await setup();
  const id = await enqueue();
  await consumer.complete(await claimOne(consumer), {});
  await redis.zadd(keys.expiry, 1, id);
  const failing = queue.createJanitor({ removeArtifacts: () => Promise.reject(new Error('disk away')) });
  const failed = new Promise((resolve) => queue.events.once('duty:failed', resolve));

  expect(await failing.clean()).toEqual({ expired: 0, removed: 0 });
  expect(await failed).toMatchObject({ error: { code: 'storage_failed', message: 'disk away' } });
  expect(await producer.get(id)).toBeDefined();

  await redis.zadd(keys.expiry, 1, id);
  const removed: string[] = [];
  const janitor = queue.createJanitor({ removeArtifacts: async (taskId) => void removed.push(taskId) });
  expect(await janitor.clean()).toEqual({ expired: 0, removed: 1 });
  expect(removed).toEqual([id]);
});

test('when all tasks are gone, only counters, events, groups, the version and for a day their ids are left', async () => {
  const { enqueue, consumer, producer, queue, redis, keys } = await setup();
  const ids = [await enqueue(), await enqueue({ priority: 'HIGH' }), await enqueue({ priority: 'LOW' })];
  await consumer.complete(await claimOne(consumer), {});
  const claim = await claimOne(consumer);
  await consumer.heartbeat([{ claim, checkpoint: Buffer.from('codes') }]);
  await consumer.fail(claim, { code: 'generation_failed', detail: 'no', retryable: false });
  await producer.cancel(ids[2] ?? '');
  for (const id of ids) await redis.zadd(keys.expiry, 1, id);
  await queue.createJanitor().clean();
  await consumer.claim();

  const left = (await redis.keys(`${keys.counters.replace('stats', '')}*`)).map((key) => key.split(':')[1]);
  expect([...new Set(left)].sort()).toEqual(['removed', 'schema', 'stats', 'stream', 'task']);
});

import { claimOne, passTime, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('when all tasks are gone, only counters, events, groups, the mark of the layout and for a day their ids are left', async () => {
  const test = await setup();
  const { enqueue, consumer, producer, queue, redis, keys } = test;
  const ids = [await enqueue(), await enqueue({ priority: 'HIGH' }), await enqueue({ priority: 'LOW' })];
  await consumer.complete(await claimOne(consumer), {});
  const claim = await claimOne(consumer);
  await consumer.heartbeat([{ claim, checkpoint: Buffer.from('codes') }]);
  await consumer.fail(claim, { code: 'generation_failed', detail: 'no', retryable: false });
  await producer.cancel(ids[2] ?? '');
  await passTime(test);
  await queue.createJanitor().clean();
  await consumer.claim();

  const left = (await redis.keys(`${keys.counters.replace('stats', '')}*`)).map((key) => key.split(':')[1]);
  expect([...new Set(left)].sort()).toEqual(['removed', 'schema', 'stats', 'stream', 'task']);
});

test('a task is noted for the minute its time ends in, and what was noted before a change means nothing', async () => {
  const { enqueue, producer, queue, redis, keys } = await setup();
  const janitor = queue.createJanitor();
  const thisMinute = Math.floor(Date.now() / 60_000);
  const arrive = async (id: string) => {
    const [minute = ''] = await redis.zrange(keys.expiringMinutes, '0', '0');
    expect(await redis.lrange(keys.expiring(Number(minute)), 0, -1)).toEqual([id]);
    await redis.rename(keys.expiring(Number(minute)), keys.expiring(thisMinute));
    await redis.zrem(keys.expiringMinutes, minute);
    await redis.zadd(keys.expiringMinutes, thisMinute, thisMinute);
  };
  const id = await enqueue({ ttlSeconds: 600 });
  await producer.update(id, { ttlSeconds: 6_000 });
  await arrive(id);
  expect(await janitor.clean()).toEqual({ expired: 0, removed: 0 });
  expect(await redis.exists(keys.expiring(thisMinute), keys.expiry)).toBe(0);

  await redis.hset(keys.task(id), 'expiresAt', Date.now() - 1);
  await arrive(id);
  expect(await janitor.clean()).toEqual({ expired: 1, removed: 0 });
  expect(await producer.get(id)).toMatchObject({ status: 'expired' });
});

test('a record that nobody can read goes when its minute comes', async () => {
  const { enqueue, queue, redis, keys } = await setup();
  const id = await enqueue();
  await redis.set(keys.task(id), 'no record');
  const minute = Number((await redis.zrange(keys.expiringMinutes, '0', '0'))[0]);
  await redis.zadd(keys.expiringMinutes, 0, 0);
  await redis.rename(keys.expiring(minute), keys.expiring(0));
  await redis.zrem(keys.expiringMinutes, minute);
  expect(await queue.createJanitor().clean()).toEqual({ expired: 0, removed: 1 });
  expect(await redis.exists(keys.task(id), keys.content(id), keys.expiringMinutes)).toBe(0);
});

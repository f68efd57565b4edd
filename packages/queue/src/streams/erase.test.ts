import { claimOne, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('erasing a waiting task ends it, removes its record at once, and it is known that there was one', async () => {
  const { producer, enqueue, consumer, redis, keys, queue } = await setup();
  const id = await enqueue({ owner: 'key-1', notify: 'somebody' });
  expect(await producer.wasRemoved(id)).toBe(false);
  expect(await producer.erase(id)).toBe('erased');

  expect(await producer.get(id)).toBeUndefined();
  expect(await producer.wasRemoved(id)).toBe(true);
  expect(await redis.ttl(keys.removed(id))).toBeGreaterThan(86_000);
  expect(await redis.exists(keys.task(id), keys.content(id), keys.notice(id), keys.owned('key-1'))).toBe(0);
  expect(await consumer.claim()).toBeUndefined();
  const monitor = queue.createMonitor();
  expect(await monitor.counts()).toMatchObject({ pending: 0, cancelled: 0 });
  expect((await monitor.existing()).byPriority.NORMAL).toBe(0);
});

test('the attempt of an erased task learns that it is lost and changes nothing any more', async () => {
  const { producer, enqueue, consumer, redis, keys } = await setup();
  const id = await enqueue();
  const claim = await claimOne(consumer);
  const heard = new Promise((resolve) => consumer.onCancelRequested(resolve));
  // Its subscription may still be on its way.
  while ((await redis.publish(keys.cancelChannel, 'nobody')) === 0);
  await heard;

  const heardAgain = new Promise((resolve) => consumer.onCancelRequested(resolve));
  expect(await producer.erase(id)).toBe('erased');
  expect(await heardAgain).toBe(id);
  expect(await consumer.heartbeat([{ claim, checkpoint: Buffer.from('codes') }])).toEqual(['lost']);
  expect(await consumer.complete(claim, {})).toBe('lost');
  expect(await redis.exists(keys.task(id), keys.content(id), keys.checkpoint(id))).toBe(0);
  expect(await redis.xlen(keys.stream('NORMAL'))).toBe(0);
});

test('the artifacts of an erased task go with the janitor, those of a running one when it cannot store any more', async () => {
  const { producer, enqueue, consumer, queue, redis, keys } = await setup();
  const finished = await enqueue();
  await consumer.complete(await claimOne(consumer), {});
  const running = await enqueue();
  await claimOne(consumer);
  await producer.erase(finished);
  await producer.erase(running);

  const removed: string[] = [];
  const janitor = queue.createJanitor({ removeArtifacts: async (taskId) => void removed.push(taskId) });
  await janitor.clean();
  expect(removed).toEqual([finished]);
  expect(Number(await redis.zscore(keys.expiry, running)) - Date.now()).toBeGreaterThan(800_000);
  await redis.zadd(keys.expiry, 1, running);
  await janitor.clean();
  expect(removed).toEqual([finished, running]);
  expect(await redis.zcard(keys.expiry)).toBe(0);
});

test('a task that never was cannot be erased, and one whose record is unreadable can', async () => {
  const { producer, enqueue, redis, keys } = await setup();
  expect(await producer.erase('nobody')).toBe('unknown');
  expect(await producer.wasRemoved('nobody')).toBe(false);
  const id = await enqueue();
  await redis.hset(keys.task(id), 'status', 'confused');
  expect(await producer.erase(id)).toBe('erased');
  expect(await redis.exists(keys.task(id))).toBe(0);
});

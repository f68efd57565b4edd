import { claimOne, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('when all tasks are gone, only counters, events, groups, the mark of the layout and for a day their ids are left', async () => {
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

import { useTestServer } from './test-setup.ts';

const setup = useTestServer();
test('a sum that lost data left behind is gone with the last waiting task', async () => {
  const { queue, redis, keys } = await setup();
  await redis.hset(keys.backlog, 'LOW', 5_000);
  expect((await queue.createMonitor().backlog()).waiting.LOW).toEqual({ tasks: 0, cost: 0 });
  await queue.createRoller().rollUp();
  expect(await redis.hgetall(keys.backlog)).toEqual({});
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

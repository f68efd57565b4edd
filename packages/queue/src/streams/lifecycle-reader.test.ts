import { useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('events that others wrote into the stream are passed over', async () => {
  const { queue, redis, keys, enqueue } = await setup();
  const reader = queue.createLifecycleReader();
  await redis.xadd(keys.lifecycle, '*', 'id', 'someone', 'rubbish', 'yes');
  expect(await reader.since('someone', '0-0')).toEqual([]);
  const id = await enqueue();
  expect(await reader.since(id, '0-0')).toHaveLength(1);
  await reader.close();
});

test('the stream of events is capped', async () => {
  const { redis, keys, enqueue } = await setup({ lifecycleLength: 100 });
  for (let count = 0; count < 400; count++) await enqueue();
  expect(await redis.xlen(keys.lifecycle)).toBeLessThanOrEqual(200);
});

import { newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('a page costs the same however many tasks there are', async () => {
  const { producer, redis, keys, enqueue } = await setup();
  await enqueue();
  const cost = async () => {
    const usec = async () =>
      /cmdstat_zrevrangebyscore:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1];
    const before = Number((await usec()) ?? 0);
    await producer.list({ limit: 5 });
    return Number(await usec()) - before;
  };
  const few = await cost();
  for (let batch = 0; batch < 20; batch++) {
    await redis.zadd(keys.owned(''), ...Array.from({ length: 1_000 }, () => [1_000, newTask().id]).flat());
  }
  expect(await cost()).toBe(few);
});

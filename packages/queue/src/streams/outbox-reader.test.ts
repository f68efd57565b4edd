import { claimOne, useTestServer } from './test-setup.ts';

const setup = useTestServer();
test('what lies in the outbox for longer than a week, and readers that are gone, are dropped', async () => {
  const { queue, redis, keys, enqueue, consumer } = await setup();
  const janitor = queue.createJanitor({ workerGoneMs: 0 });
  await janitor.tidyOutbox();
  const weekAgo = Date.now() - 8 * 86_400_000;
  for (let sequence = 0; sequence < 200; sequence++)
    await redis.xadd(
      keys.outbox,
      `${weekAgo}-${sequence}`,
      'id',
      'x',
      'status',
      'completed',
      'at',
      '1',
      'notify',
      '',
    );
  await janitor.tidyOutbox();
  expect(await redis.xlen(keys.outbox)).toBeLessThan(200);
  await redis.del(keys.outbox);

  await enqueue({ notify: 'a' });
  await claimOne(consumer);
  const holding = queue.createOutboxReader({ consumerName: 'holding' });
  const idle = queue.createOutboxReader({ consumerName: 'idle' });
  expect(await holding.read(10)).toHaveLength(1);
  expect(await idle.read(10)).toEqual([]);
  await janitor.tidyOutbox();
  const consumers = (await redis.xinfo('CONSUMERS', keys.outbox, 'webhooks')) as string[][];
  expect(consumers.map(([, name]) => name)).toEqual(['holding']);
});

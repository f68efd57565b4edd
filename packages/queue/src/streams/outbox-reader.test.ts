import { claimOne, type TestQueue, useTestServer } from './test-setup.ts';

const setup = useTestServer();
const broken = { code: 'engine_crashed', detail: 'gone', retryable: true } as const;

async function readAll({ queue }: TestQueue): Promise<[taskId: string, status: string, notify: string][]> {
  const reader = queue.createOutboxReader({ consumerName: 'api-1' });
  const entries = await reader.read(100);
  await reader.close();
  return entries.map(({ taskId, status, notify }) => [taskId, status, notify]);
}

test('the first claim and the end of a task are told, with what it was submitted with; retries are not', async () => {
  const test = await setup();
  const { enqueue, consumer, queue, producer } = test;
  const notify = '{"url":"https://example.org"}';
  const id = await enqueue({ notify });
  await enqueue();
  await consumer.fail(await claimOne(consumer), broken);
  await queue.createPromoter().promote();
  await consumer.complete(await claimOne(consumer), {});
  while ((await queue.createPromoter().promote()) === 0);
  await consumer.complete(await claimOne(consumer), {});

  expect(await readAll(test)).toEqual([
    [id, 'processing', notify],
    [id, 'completed', notify],
  ]);
  expect(await producer.notice(id)).toBe(notify);
  expect(JSON.stringify(await producer.get(id))).not.toContain('example.org');
});

test('every way a task can end is told once', async () => {
  const test = await setup();
  const { enqueue, consumer, producer, queue, redis, keys } = test;
  const [failed, cancelled, late, erased] = [
    await enqueue({ notify: 'a', priority: 'CRITICAL' }),
    await enqueue({ notify: 'b' }),
    await enqueue({ notify: 'c' }),
    await enqueue({ notify: 'd' }),
  ];
  await consumer.fail(await claimOne(consumer), { ...broken, retryable: false });
  await producer.cancel(cancelled);
  await producer.cancel(cancelled);
  await redis.zadd(keys.expiry, 1, late);
  await queue.createJanitor().clean();
  await producer.erase(erased);
  expect(await readAll(test)).toEqual([
    [failed, 'processing', 'a'],
    [failed, 'failed', 'a'],
    [cancelled, 'cancelled', 'b'],
    [late, 'expired', 'c'],
    [erased, 'cancelled', 'd'],
  ]);
});

test('what a reader has not acknowledged is read by another, under the same id, and is gone once it has', async () => {
  const { enqueue, consumer, queue, redis, keys } = await setup();
  await enqueue({ notify: 'a' });
  await consumer.complete(await claimOne(consumer), {});
  const dead = queue.createOutboxReader({ consumerName: 'dead' });
  const patient = queue.createOutboxReader({ consumerName: 'patient' });
  const quick = queue.createOutboxReader({ consumerName: 'quick', takeOverMs: 0 });

  const entries = await dead.read(1);
  expect(entries).toMatchObject([{ status: 'processing', at: expect.any(Number) }]);
  expect(await patient.read(10)).toMatchObject([{ status: 'completed' }]);
  expect(await quick.read(1)).toEqual(entries);
  await quick.acknowledge(entries.map(({ id }) => id));
  expect(await quick.read(10)).toMatchObject([{ status: 'completed' }]);
  expect(await redis.xlen(keys.outbox)).toBe(1);
  await Promise.all([dead, patient, quick].map((reader) => reader.close()));
});

test('a reader that waits is woken by the next turn, and by the signal that tells it to stop', async () => {
  const { enqueue, consumer, queue } = await setup();
  const reader = queue.createOutboxReader({ consumerName: 'api-1' });
  const stopping = new AbortController();
  const waiting = reader.read(10, { waitMs: 60_000, signal: stopping.signal });
  await enqueue({ notify: 'a' });
  await claimOne(consumer);
  expect(await waiting).toMatchObject([{ status: 'processing' }]);

  const inVain = reader.read(10, { waitMs: 60_000, signal: stopping.signal });
  stopping.abort();
  expect(await inVain).toEqual([]);
  await reader.close();
});

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

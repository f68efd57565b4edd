import { setTimeout as delay } from 'node:timers/promises';
import { claimOne, newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();
const engineCrashed = { code: 'engine_crashed', detail: 'The engine was killed', retryable: true } as const;

describe('cancelling a running task', () => {
  test('the worker hears of it before the next heartbeat', async () => {
    const { enqueue, consumer, producer, redis, keys } = await setup();
    const id = await enqueue();
    await claimOne(consumer);
    const heard = new Promise((resolve) => consumer.onCancelRequested(resolve));
    while ((await redis.pubsub('NUMSUB', keys.cancelChannel))[1] === 0);
    await producer.cancel(id);
    expect(await heard).toBe(id);
  });
});

test('a worker listens for cancellations while it has tasks, and not when it has waited in vain', async () => {
  const { enqueue, consumer, redis, keys } = await setup();
  const listening = async () => (await redis.pubsub('NUMSUB', keys.cancelChannel))[1];
  consumer.onCancelRequested(() => {});
  for (let turn = 0; turn < 2; turn += 1) {
    await enqueue();
    const claim = await claimOne(consumer);
    while ((await listening()) !== 1) await delay(5);
    expect(await consumer.claim()).toBeUndefined();
    // What it holds may still be cancelled.
    await consumer.waitForTask(50, new AbortController().signal);
    expect(await listening()).toBe(1);
    await consumer.complete(claim, {});
    // A wait whose answer came late has not been in vain.
    while ((await listening()) !== 0) await consumer.waitForTask(50, new AbortController().signal);
  }
});

describe('waiting', () => {
  test('one task wakes one of the waiting workers', async () => {
    const { enqueue, createConsumer, redis } = await setup();
    const stopping = new AbortController();
    let woken = 0;
    const waits = [1, 2, 3].map(async () => {
      await createConsumer().waitForTask(30_000, stopping.signal);
      if (!stopping.signal.aborted) woken += 1;
    });
    while (blockedClients(await redis.info('clients')) < 3);
    await enqueue();
    await Promise.race(waits);
    expect(blockedClients(await redis.info('clients'))).toBe(2);
    stopping.abort();
    await Promise.all(waits);
    expect(woken).toBe(1);
  });

  test('a claim that finds nothing silences the bells of tasks that are gone', async () => {
    const { enqueue, producer, consumer, redis, keys } = await setup();
    await producer.cancel(await enqueue());
    expect(await redis.llen(keys.bell('NORMAL'))).toBe(1);
    await consumer.claim();
    expect(await redis.llen(keys.bell('NORMAL'))).toBe(0);
  });

  function blockedClients(info: string): number {
    return Number(/blocked_clients:(\d+)/.exec(info)?.[1]);
  }
});

describe('closing', () => {
  test('takes the worker off the groups', async () => {
    const { enqueue, createConsumer, redis, keys } = await setup();
    const consumer = createConsumer();
    await enqueue();
    await consumer.complete(await claimOne(consumer), {});
    await consumer.close();
    expect(await redis.xinfo('CONSUMERS', keys.stream('NORMAL'), 'workers')).toEqual([]);
  });
});

test('running tasks complete while Redis is full, and new ones are refused', async () => {
  const { producer, enqueue, consumer, redis } = await setup();
  for (let count = 0; count < 4; count++) await enqueue();
  const held = [await claimOne(consumer), await claimOne(consumer), await claimOne(consumer)] as const;
  const waiting = (await claimOne(consumer)).task.id;
  await redis.config('SET', 'maxmemory', '1');
  try {
    await expect(producer.enqueue(newTask())).rejects.toMatchObject({ code: 'redis_full' });
    expect(await consumer.heartbeat(held.map((claim) => ({ claim, stage: 'storing' })))).toEqual([
      'ok',
      'ok',
      'ok',
    ]);
    expect(await consumer.complete(held[0], { bytes: 1 })).toBe('completed');
    expect(await consumer.fail(held[1], engineCrashed)).toBe('retrying');
    expect(await consumer.handBack(held[2])).toBe('returned');
    expect(await producer.cancel(waiting)).toBe('stopping');
    expect(await consumer.claim()).toBeDefined();
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
});

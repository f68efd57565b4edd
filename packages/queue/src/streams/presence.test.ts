import { claimOne, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('a worker that is asked to drain hears of it once', async () => {
  const { queue, createConsumer } = await setup();
  const consumer = createConsumer({ workerId: 'worker-1' });
  let asked = 0;
  consumer.onDrainRequested(() => {
    asked += 1;
  });
  await consumer.describe({ slots: 1 });
  expect(await queue.createAdmin().drainWorker('worker-1')).toBe(true);
  await consumer.describe({ slots: 1 });
  await consumer.describe({ slots: 1 });
  expect(asked).toBe(1);
});

test('no worker, no draining', async () => {
  const { queue } = await setup();
  expect(await queue.createAdmin().drainWorker('nobody')).toBe(false);
});

test('a worker that closes leaves the registry', async () => {
  const { createConsumer, redis, keys } = await setup();
  const consumer = createConsumer({ workerId: 'worker-1' });
  await consumer.describe({ slots: 1 });
  expect(await redis.pttl(keys.worker('worker-1'))).toBeGreaterThan(0);
  await consumer.close();
  expect(await redis.exists(keys.worker('worker-1'), keys.workers)).toBe(0);
});

test('a worker that closes without having tidied up stays in the registry, where the janitor finds it', async () => {
  const { queue, createConsumer, enqueue, redis, keys } = await setup();
  const consumer = createConsumer({ workerId: 'hasty' });
  await consumer.describe({ slots: 1 });
  await enqueue();
  await claimOne(consumer);
  await consumer.close();
  await queue.createRecoverer({ leaseMs: 0 }).recover();
  await redis.zadd(keys.workers, 'XX', 1, 'hasty');
  expect(await queue.createJanitor().removeWorkers()).toBe(1);
});

test('a worker that is gone is taken off the groups, but not before its tasks are recovered', async () => {
  const { queue, enqueue, createConsumer, redis, keys } = await setup();
  const consumer = createConsumer({ workerId: 'lost' });
  await consumer.describe({ slots: 1 });
  await enqueue();
  await claimOne(consumer);
  await redis.zadd(keys.workers, 1, 'lost');
  const janitor = queue.createJanitor();

  expect(await janitor.removeWorkers()).toBe(0);
  await queue.createRecoverer({ leaseMs: 0 }).recover();
  expect(await janitor.removeWorkers()).toBe(1);
  expect(await redis.zcard(keys.workers)).toBe(0);
  const consumers = (await redis.xinfo('CONSUMERS', keys.stream('NORMAL'), 'workers')) as string[][];
  expect(consumers.map(([, name]) => name)).toEqual(['returned']);
});

test('a consumer that no registry knows is removed once it holds nothing and has long been idle', async () => {
  const { queue, createConsumer, enqueue, redis, keys } = await setup();
  const consumer = createConsumer({ workerId: 'unregistered' });
  await enqueue();
  const claim = await claimOne(consumer);
  const names = async () => {
    const consumers = (await redis.xinfo('CONSUMERS', keys.stream('NORMAL'), 'workers')) as string[][];
    return consumers.map(([, name]) => name);
  };
  const janitor = queue.createJanitor({ workerGoneMs: 0 });
  await janitor.removeWorkers();
  expect(await names()).toEqual(['unregistered']);
  await consumer.complete(claim, {});
  await queue.createJanitor().removeWorkers();
  expect(await names()).toEqual(['unregistered']);
  await janitor.removeWorkers();
  expect(await names()).toEqual([]);
});

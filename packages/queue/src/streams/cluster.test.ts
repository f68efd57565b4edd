import { startRedisCluster } from '@musicgen/redis-server';
import { Cluster } from 'ioredis';
import { patientRedisOptions } from './redis-client.ts';
import { claimOne, createTestQueue, newTask, useUndo } from './test-setup.ts';

const afterwards = useUndo();

/** A real cluster of three masters. A prefix test alone would not notice keys of two slots in one script. */
async function setup() {
  const servers = await startRedisCluster();
  afterwards(servers.stop);
  const cluster = new Cluster(
    servers.masters.map(({ port }) => ({ host: '127.0.0.1', port })),
    { redisOptions: patientRedisOptions },
  );
  const test = await createTestQueue(cluster, { prefix: '{musicgen}' });
  afterwards(test.close);
  return test;
}

test('the server that is looked at is the one that keeps the queue', async () => {
  const { queue, keys, redis } = await setup();
  const masters = redis.nodes('master');
  await Promise.all(masters.map((node, index) => node.config('SET', 'maxmemory', `${100 + index}mb`)));
  const keeper = (await Promise.all(masters.map((node) => node.exists(keys.schema).catch(() => 0)))).indexOf(
    1,
  );
  const looks = await Promise.all(Array.from({ length: 20 }, () => queue.createMonitor().server()));
  const limits = new Set(looks.map((facts) => facts?.memoryLimitBytes));
  expect([...limits]).toEqual([(100 + keeper) * 2 ** 20]);
});

test('every part of the queue works on a cluster of three masters', async () => {
  const { queue, producer, createConsumer, enqueue, keys, redis } = await setup();
  const consumer = createConsumer({ workerId: 'worker-1', retry: { baseMs: 0, capMs: 0 } });
  const reader = queue.createLifecycleReader();
  const admin = queue.createAdmin();
  const monitor = queue.createMonitor();
  await reader.latestId();
  await consumer.describe({ slots: 1 });

  const waiting = consumer.waitForTask(30_000, new AbortController().signal);
  const id = await enqueue({ idempotency: { key: 'order {1}', requestHash: 'hash' } });
  await waiting;
  const completed = new Promise<void>((resolve) => {
    reader.follow(id, ({ type }) => {
      if (type === 'completed') resolve();
    });
  });
  const claim = await claimOne(consumer);
  expect(await consumer.heartbeat([{ claim, checkpoint: Buffer.from('codes') }])).toEqual(['ok']);
  await queue.createRecoverer({ leaseMs: 0 }).recover();
  const again = await claimOne(consumer);
  expect(again.checkpoint).toEqual(Buffer.from('codes'));
  expect(await consumer.complete(again, {})).toBe('completed');
  await completed;

  const [first, second, third] = await producer.enqueueBatch([
    newTask(),
    newTask(),
    newTask({ maxAttempts: 1 }),
  ]);
  const heard = new Promise((resolve) => consumer.onCancelRequested(resolve));
  const running = await claimOne(consumer);
  while ((await producer.cancel(running.task.id)) === 'stopping' && !(await settled(heard)));
  expect(await heard).toBe(first?.id);
  expect(await consumer.acknowledgeCancel(running)).toBe('cancelled');

  await producer.update(second?.id ?? '', { priority: 'HIGH' });
  await consumer.fail(await claimOne(consumer), { code: 'engine_crashed', detail: 'gone', retryable: true });
  expect(await queue.createPromoter().promote()).toBe(1);
  await consumer.handBack(await claimOne(consumer));
  expect(await producer.place(second?.id ?? '')).toEqual({ position: 1, ahead: 0 });
  await consumer.complete(await claimOne(consumer), {});
  await consumer.fail(await claimOne(consumer), { code: 'engine_crashed', detail: 'gone', retryable: true });
  expect((await admin.deadLetters({ limit: 10 })).tasks.map((task) => task.id)).toEqual([third?.id]);
  expect(await admin.requeue(third?.id ?? '')).toBe(true);

  expect(await queue.createReconciler().reconcile()).toBe(0);
  expect(await monitor.counts()).toMatchObject({ pending: 1, completed: 2, cancelled: 1 });
  expect(await monitor.performance(3_600_000)).toMatchObject({ successRate: 2 / 3 });
  expect(await monitor.workers()).toHaveLength(1);
  await redis.zadd(keys.expiry, 1, id, 1, third?.id ?? '');
  expect(await queue.createJanitor().clean()).toEqual({ expired: 1, removed: 1 });

  await reader.close();
});

async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (
    (await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, pending))])) !== pending
  );
}

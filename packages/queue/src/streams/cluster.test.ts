import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Cluster } from 'ioredis';
import { patientRedisOptions } from './redis-client.ts';
import { claimOne, connect, createTestQueue, newTask, useUndo } from './test-setup.ts';

const afterwards = useUndo();

/** A real cluster of three masters. A prefix test alone would not notice keys of two slots in one script. */
async function setup() {
  const servers = await Promise.all([startMaster(), startMaster(), startMaster()]);
  await join(servers);
  const cluster = new Cluster(
    servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    { redisOptions: patientRedisOptions },
  );
  const test = await createTestQueue(cluster, { prefix: '{musicgen}' });
  afterwards(test.close);
  return test;
}

interface Master {
  server: RedisServer;
  port: number;
  busPort: number;
}

async function startMaster(): Promise<Master> {
  const busPort = await freePort();
  const settings = { 'cluster-enabled': 'yes', 'cluster-port': String(busPort), appendonly: 'no' };
  const server = await startRedisServer({ settings });
  afterwards(() => server.stop());
  return { server, port: server.port, busPort };
}

async function join(masters: readonly Master[]): Promise<void> {
  const clients = masters.map(({ server }) => connect(server.url));
  const slotsEach = Math.ceil(16_384 / masters.length);
  await Promise.all(
    clients.map(async (client, index) => {
      const first = index * slotsEach;
      await client.cluster('ADDSLOTSRANGE', first, Math.min(first + slotsEach, 16_384) - 1);
      for (const { port, busPort } of masters)
        await client.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
    }),
  );
  for (const client of clients) {
    while (!String(await client.cluster('INFO')).includes('cluster_state:ok')) await delay(20);
    client.disconnect();
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('There is no free port');
  return address.port;
}

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

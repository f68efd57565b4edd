import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { claimOne, connect, createTestQueue, newTask, useUndo } from './test-setup.ts';

/** A proxy before Redis that can deliver a command and lose its reply by cutting the connection. */
async function startLossyProxy(server: RedisServer) {
  let losing = false;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = dial(server.port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket.on('error', () => {}));
    }
    client.on('data', (data) => upstream.write(data)).on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    upstream.on('data', (data) => {
      if (!losing) return client.write(data);
      losing = false;
      client.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port');
  return {
    url: `redis://127.0.0.1:${address.port}`,
    loseNextReply() {
      losing = true;
    },
    stop() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}

const afterwards = useUndo();

async function setup() {
  const server = await startRedisServer({ settings: { appendonly: 'no' } });
  afterwards(() => server.stop());
  const proxy = await startLossyProxy(server);
  afterwards(proxy.stop);
  const test = await createTestQueue(connect(proxy.url));
  afterwards(test.close);
  return { ...test, proxy };
}

test('a command whose reply is lost is sent again by the client, and still happens once', async () => {
  const { proxy, producer, consumer, redis, keys, queue } = await setup();
  const monitor = queue.createMonitor();
  // So that the scripts are known to the server and none is sent in two steps.
  await producer.enqueue(newTask());
  const first = await claimOne(consumer);
  await consumer.heartbeat([{ claim: first }]);
  await consumer.complete(first, {});

  const task = newTask();
  proxy.loseNextReply();
  expect(await producer.enqueue(task)).toMatchObject({ id: task.id, status: 'pending' });
  expect(await redis.xlen(keys.stream('NORMAL'))).toBe(1);

  const claim = await claimOne(consumer);
  proxy.loseNextReply();
  expect(await consumer.heartbeat([{ claim }])).toEqual(['ok']);
  proxy.loseNextReply();
  expect(await consumer.complete(claim, {})).toBe('completed');
  expect(await monitor.counts()).toMatchObject({ pending: 0, processing: 0, completed: 2 });
});

test('a claim whose reply is lost leaves nothing claimed that the worker does not know of', async () => {
  const { proxy, enqueue, consumer, queue } = await setup();
  await enqueue();
  await consumer.complete(await claimOne(consumer), {});
  const ids = [await enqueue(), await enqueue()];

  proxy.loseNextReply();
  const claim = await claimOne(consumer);
  expect(await queue.createMonitor().counts()).toMatchObject({ pending: 1, processing: 1 });
  const other = await claimOne(consumer);
  expect([claim.task.id, other.task.id].sort()).toEqual(ids.sort());
  expect([claim.task, other.task]).toMatchObject([
    { attempt: 1, stalls: 0 },
    { attempt: 1, stalls: 0 },
  ]);
});

test('nor does a lost claim of several tasks', async () => {
  const { proxy, enqueue, consumer, queue } = await setup();
  await enqueue();
  await consumer.complete(await claimOne(consumer), {});
  const ids = [await enqueue(), await enqueue(), await enqueue(), await enqueue()];

  proxy.loseNextReply();
  const claims = await consumer.claimUpTo(2);
  expect(await queue.createMonitor().counts()).toMatchObject({ pending: 2, processing: 2 });
  claims.push(...(await consumer.claimUpTo(4)));
  expect(claims.map(({ task }) => task.id).sort()).toEqual(ids.sort());
  expect(claims.every(({ task }) => task.attempt === 1 && task.stalls === 0)).toBe(true);
});

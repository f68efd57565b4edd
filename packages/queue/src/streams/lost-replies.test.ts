import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { claimOne, connect, createTestQueue, newTask } from './test-setup.ts';

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

async function setup() {
  const server = await startRedisServer({ settings: { appendonly: 'no' } });
  const proxy = await startLossyProxy(server);
  const test = await createTestQueue(connect(proxy.url));
  return {
    ...test,
    proxy,
    async tearDown() {
      await test.close();
      proxy.stop();
      await server.stop();
    },
  };
}

test('a command whose reply is lost is sent again by the client, and still happens once', async () => {
  const { proxy, producer, consumer, redis, keys, queue, tearDown } = await setup();
  await producer.enqueueBatch([newTask(), newTask()]);
  await consumer.complete(await claimOne(consumer), {});

  const task = newTask({ priority: 'HIGH' });
  proxy.loseNextReply();
  expect(await producer.enqueue(task)).toMatchObject({ id: task.id, status: 'pending' });
  expect(await redis.xlen(keys.stream('HIGH'))).toBe(1);

  proxy.loseNextReply();
  const claim = await claimOne(consumer);
  expect(claim.task.id).toBe(task.id);
  expect(await queue.createMonitor().counts()).toMatchObject({ pending: 1, processing: 1 });

  proxy.loseNextReply();
  expect(await consumer.heartbeat([{ claim }])).toEqual(['ok']);
  proxy.loseNextReply();
  expect(await consumer.complete(claim, {})).toBe('completed');
  expect(await queue.createMonitor().counts()).toMatchObject({ pending: 1, processing: 0, completed: 2 });
  await tearDown();
});

import { startRedisServer } from '@musicgen/redis-server';
import { claimOne, connect, createTestQueue, useUndo } from './test-setup.ts';

const afterwards = useUndo();

test('a server that turns into a replica holds the worker up until it is a master again', async () => {
  const server = await startRedisServer({ settings: { appendonly: 'no' } });
  afterwards(() => server.stop());
  const { consumer, enqueue, close } = await createTestQueue(connect(server.url));
  afterwards(close);
  const operator = connect(server.url);
  afterwards(() => operator.disconnect());
  const id = await enqueue();
  const claim = await claimOne(consumer);
  const waiting = consumer.waitForTask(30_000, new AbortController().signal);
  while (!/cmd=blpop/.test(String(await operator.client('LIST'))));

  // Blocked clients are thrown out, and writes are refused with READONLY.
  await operator.replicaof('127.0.0.1', 1);
  await waiting;
  const completion = consumer.complete(claim, {});
  await operator.replicaof('NO', 'ONE');

  expect(await completion).toBe('completed');
  expect(claim.task.id).toBe(id);
  const again = consumer.waitForTask(30_000, new AbortController().signal);
  const next = await enqueue();
  await again;
  expect((await claimOne(consumer)).task.id).toBe(next);
});

import { once } from 'node:events';
import { startRedisServer } from '@musicgen/redis-server';
import { withinDeadline } from './blocking-connection.ts';
import { claimOne, connect, createTestQueue, useUndo } from './test-setup.ts';

const afterwards = useUndo();

/** A server of the test's own, because these tests stop and kill it. */
async function setup() {
  const server = await startRedisServer({ settings: { appendonly: 'no' } });
  afterwards(() => server.stop());
  const test = await createTestQueue(connect(server.url));
  afterwards(test.close);
  // A stopped process hears nothing else.
  afterwards(() => server.process.kill('SIGCONT'));
  return { ...test, server };
}

test('a frozen Redis ends the wait in time, and work resumes by itself when it thaws', async () => {
  const { server, queue, consumer, enqueue } = await setup();
  const replaced = once(queue.events, 'connection:replaced');
  const waiting = consumer.waitForTask(100, new AbortController().signal);
  server.process.kill('SIGSTOP');
  await waiting;
  expect((await replaced)[0]).toMatchObject({ role: 'bells', error: { code: 'dependency_unavailable' } });

  server.process.kill('SIGCONT');
  const again = consumer.waitForTask(30_000, new AbortController().signal);
  const id = await enqueue();
  await again;
  expect((await claimOne(consumer)).task.id).toBe(id);
});

test('a connection that the server kills is replaced and the next task still wakes the worker', async () => {
  const { redis, consumer, enqueue } = await setup();
  const waiting = consumer.waitForTask(30_000, new AbortController().signal);
  let blocked: string | undefined;
  while (blocked === undefined) {
    blocked = /id=(\d+)[^\n]* cmd=blpop/.exec(String(await redis.client('LIST')))?.[1];
  }
  await redis.client('KILL', 'ID', blocked);
  await waiting;

  const again = consumer.waitForTask(30_000, new AbortController().signal);
  const id = await enqueue();
  await again;
  expect((await claimOne(consumer)).task.id).toBe(id);
});

test('followers go on where they stood after their connection was killed', async () => {
  const { redis, queue, enqueue, producer } = await setup();
  const reader = queue.createLifecycleReader();
  await reader.latestId();
  const id = await enqueue();
  const cancelled = new Promise<void>((resolve) => {
    reader.follow(id, ({ type }) => {
      if (type === 'cancelled') resolve();
    });
  });
  const replaced = once(queue.events, 'connection:replaced');
  let blocked: string | undefined;
  while (blocked === undefined) {
    blocked = /id=(\d+)[^\n]* cmd=xread/.exec(String(await redis.client('LIST')))?.[1];
  }
  await redis.client('KILL', 'ID', blocked);
  await replaced;
  await producer.cancel(id);
  await cancelled;
  await reader.close();
});

test('an answer that came in time counts, although this process was held up and read it late', async () => {
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve, 'answer'));
  // From here on timers go first, as they go before what has come from elsewhere.
  await nextTurn();
  const answer = withinDeadline(1, nextTurn());
  const free = performance.now() + 20;
  while (performance.now() < free);
  expect(await answer).toBe('answer');
  await expect(withinDeadline(1, new Promise(() => {}))).rejects.toMatchObject({
    code: 'dependency_unavailable',
  });
});

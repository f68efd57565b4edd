import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createTestApp, submit } from './test-setup.ts';
import { waitForTask } from './wait-for-task.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

test('what happens while the reader of events still connects is not waited for in vain', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { producer } = context.options;
  const get = async (id: string) => {
    const record = await producer.get(id);
    if (record === undefined) throw new Error('the task vanished');
    return record;
  };
  // Once before, so that the server knows the scripts and answers sooner than a new connection is made.
  const other = (await submit(context, { prompt: 'other' })).body;
  await get(other.id);
  await producer.cancel(other.id);
  const { id } = (await submit(context, { prompt: 'x' })).body;

  const lifecycle = context.queue.createLifecycleReader();
  const leaving = new AbortController();
  let reads = 0;
  try {
    const waited = await waitForTask({
      lifecycle,
      id,
      async read() {
        const record = await get(id);
        reads += 1;
        // Behind the back of whoever has just read it.
        if (reads === 1) await producer.cancel(id);
        return record;
      },
      isEnough: ({ status }) => status === 'cancelled',
      timeoutMs: 600_000,
      signal: leaving.signal,
    });
    expect([waited.status, reads]).toEqual(['cancelled', 2]);
  } finally {
    leaving.abort();
    await lifecycle.close();
  }
});

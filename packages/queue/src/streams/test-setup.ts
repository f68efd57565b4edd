import { randomUUID } from 'node:crypto';
import type { Priority } from '@musicgen/contract';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';
import { type TestQueue, testQueueOn } from '../contract/test-setup.ts';
import { createKeys, type Keys } from '../keys.ts';
import { patientRedisOptions, type RedisClient } from './redis-client.ts';
import { createStreamsQueue, type StreamsQueue, type StreamsQueueOptions } from './streams-queue.ts';

export { claimOne, newTask } from '../contract/test-setup.ts';

/** One queue under a prefix of its own, with one producer and one consumer; `close` gives everything back. */
export interface StreamsTestQueue<Client extends RedisClient = Redis> extends TestQueue {
  redis: Client;
  queue: StreamsQueue;
  keys: Keys;
  close(): Promise<void>;
}

/** For tests with servers of their own: what is passed in is undone after the test, the last first, even if it fails. */
export function useUndo(): (undo: () => unknown) => void {
  const undos: (() => unknown)[] = [];
  afterEach(async () => {
    for (const undo of undos.splice(0).reverse()) await undo();
  });
  return (undo) => undos.push(undo);
}

/**
 * Starts a real server for the tests of one file and returns their `setup`: each call gives a queue of its own under
 * a fresh prefix, which is closed after the test.
 */
export function useTestServer(settings: Record<string, string> = {}) {
  let server: RedisServer | undefined;
  const opened: StreamsTestQueue[] = [];

  beforeAll(async () => {
    server = await startRedisServer({ settings: { appendonly: 'no', ...settings } });
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((test) => test.close()));
  });
  afterAll(() => server?.stop());

  return async (options: Partial<StreamsQueueOptions> = {}): Promise<StreamsTestQueue> => {
    const test = await createTestQueue(connect(server?.url ?? ''), options);
    opened.push(test);
    return test;
  };
}

/** A client that waits for its server, as a worker's does. */
export function connect(url: string): Redis {
  const redis = new Redis(url, patientRedisOptions);
  // A test that stops its server wants to see how the queue takes it, not the client's own message.
  redis.on('error', () => {});
  return redis;
}

/** A queue under a prefix of its own. `close` also disconnects the client. */
export async function createTestQueue<Client extends RedisClient>(
  redis: Client,
  options: Partial<StreamsQueueOptions> = {},
): Promise<StreamsTestQueue<Client>> {
  const prefix = options.prefix ?? `test-${randomUUID()}`;
  const queue = createStreamsQueue({ redis, ...options, prefix });
  await queue.prepare();
  const { consumers, ...parts } = testQueueOn(queue);
  const keys = createKeys(prefix);
  return {
    ...parts,
    redis,
    queue,
    keys,
    endTime: (id) => redis.zadd(keys.expiry, 1, id),
    async waitedFor(id, ms) {
      const priority = (await redis.hget(keys.task(id), 'priority')) as Priority;
      await redis.zadd(keys.waiting(priority), 'XX', Date.now() - ms, id);
    },
    ranFor: (id, ms) => redis.zadd(keys.processing, 'XX', Date.now() - ms, id),
    diedAt: (id, at) => redis.zadd(keys.dead, 'XX', at, id),
    async close() {
      if (redis.status === 'ready') await Promise.all(consumers.map((consumer) => consumer.close()));
      redis.disconnect();
    },
  };
}

/** Makes everything due that is noted for a later minute. */
export async function passTime({ redis, keys }: StreamsTestQueue): Promise<void> {
  for (const minute of await redis.zrange(keys.expiringMinutes, '0', '-1')) {
    const ids = await redis.lrange(keys.expiring(Number(minute)), 0, -1);
    await redis.del(keys.expiring(Number(minute)));
    for (const id of ids) await redis.zadd(keys.expiry, 1, id);
  }
  await redis.del(keys.expiringMinutes);
}

import { randomUUID } from 'node:crypto';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';
import type { TestQueue } from '../contract/test-setup.ts';
import { testInProcess } from '../in-process/test-setup.ts';
import { createKeys, type Keys } from '../keys.ts';
import { failFastRedisOptions } from '../streams/redis-client.ts';
import { type BasicQueue, type BasicQueueOptions, openBasicQueue } from './basic-queue.ts';

export interface BasicTestQueue extends TestQueue {
  queue: BasicQueue;
  redis: Redis;
  keys: Keys;
  prefix: string;
  /** What its process was told when another had taken over. */
  takenOver: Error[];
}

/** A real server for the tests of one file. Each queue has a fresh prefix unless it is given that of another. */
export function useBasicQueues() {
  let server: RedisServer | undefined;
  const undos: (() => unknown)[] = [];
  beforeAll(async () => {
    server = await startRedisServer({ settings: { appendonly: 'no' } });
  });
  afterEach(async () => {
    for (const undo of undos.splice(0).reverse()) await undo();
  });
  afterAll(() => server?.stop());

  async function connect(): Promise<Redis> {
    const patient = { commandTimeout: 30_000, lazyConnect: true };
    const redis = new Redis(server?.url ?? '', { ...failFastRedisOptions, ...patient });
    redis.on('error', () => {});
    undos.push(() => redis.disconnect());
    await redis.connect();
    return redis;
  }

  async function setup(options: Partial<BasicQueueOptions> = {}): Promise<BasicTestQueue> {
    const redis = options.redis ?? (await connect());
    const prefix = options.prefix ?? `test-${randomUUID()}`;
    const takenOver: Error[] = [];
    const { queue, context } = openBasicQueue({
      redis,
      prefix,
      onTakenOver: (error) => takenOver.push(error),
      ...options,
    });
    undos.push(() => queue.close());
    const test = await testInProcess(queue, context);
    return { ...test, queue, redis: redis as Redis, keys: createKeys(prefix), prefix, takenOver };
  }

  return { setup, connect };
}

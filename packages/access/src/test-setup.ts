import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';

/** A real server for the tests of one file; each call gives a client and a prefix of its own. */
export function useTestServer() {
  let server: RedisServer | undefined;
  const clients: Redis[] = [];
  beforeAll(async () => {
    server = await startRedisServer({ settings: { appendonly: 'no' } });
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });
  afterAll(() => server?.stop());

  return async () => {
    const redis = new Redis(server?.url ?? '');
    clients.push(redis);
    await once(redis, 'ready');
    return { redis, prefix: `test-${randomUUID()}` };
  };
}

/** A client whose server is away: every command fails at once. */
export function clientWithoutServer(): { redis: Redis; prefix: string } {
  const redis = new Redis('redis://127.0.0.1:1', {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  return { redis, prefix: 'test' };
}

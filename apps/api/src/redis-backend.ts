import { createDailyQuota, createKeyStore, createRateLimiter, keyEntriesInRedis } from '@musicgen/access';
import { failFastRedisOptions, type RedisClient, type TaskQueue } from '@musicgen/queue';
import {
  type Logger,
  logRedisConnection,
  observeRedis,
  openRedis,
  type Releasers,
  redisProblem,
} from '@musicgen/service';
import { createDeliveries } from '@musicgen/webhooks';
import type { Registry } from 'prom-client';
import type { AccessStores, Backend } from './backend.ts';

export interface RedisBackendOptions {
  url: string;
  prefix: string;
  /** As the server lists it: `musicgen-api`. */
  connectionName: string;
  createQueue: (redis: RedisClient) => TaskQueue;
  registry: Registry;
  logger: Logger;
  releasers: Releasers;
}

/** Everything in Redis, over one connection on which a command fails at once while Redis is away. */
export function openRedisBackend(options: RedisBackendOptions): Backend {
  const { url, prefix, connectionName, createQueue, registry, logger, releasers } = options;
  const settings = { REDIS_URL: url, TASK_KEY_PREFIX: prefix };
  const redis = openRedis(settings, { ...failFastRedisOptions, connectionName, lazyConnect: true });
  releasers.add('Redis', () => redis.disconnect());
  logRedisConnection(redis, logger);
  observeRedis(registry, redis);
  return {
    queue: createQueue(redis),
    deliveries: createDeliveries({ redis, prefix }),
    stores: redisAccessStores({ redis, prefix }),
    // A first command before the first connection would fail at once; that Redis is away is said by its listener.
    connect: () => redis.connect().catch(() => {}),
    problem: () => redisProblem(redis),
  };
}

export function redisAccessStores(store: { redis: RedisClient; prefix: string }): AccessStores {
  return {
    keyStore: createKeyStore(keyEntriesInRedis(store)),
    limiter: createRateLimiter(store),
    quota: createDailyQuota(store),
  };
}

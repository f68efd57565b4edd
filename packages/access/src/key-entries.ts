import { redisFailure, ServiceError } from '@musicgen/contract';
import type { Cluster, Redis } from 'ioredis';

/** Where keys are kept: a text for each, under the key's id. */
export interface KeyEntries {
  get(id: string): Promise<string | undefined>;
  set(id: string, text: string): Promise<void>;
  all(): Promise<string[]>;
  remove(ids: readonly string[]): Promise<void>;
}

/** In Redis, for all processes. Every call may throw ServiceError `dependency_unavailable`. */
export function keyEntriesInRedis({ redis, prefix }: { redis: Redis | Cluster; prefix: string }): KeyEntries {
  /** hash: key id → the entry as JSON. */
  const hashKey = `${prefix}:api-keys`;
  return {
    get: async (id) => (await answered(redis.hget(hashKey, id))) ?? undefined,
    async set(id, text) {
      await answered(redis.hset(hashKey, id, text));
    },
    all: async () => Object.values(await answered(redis.hgetall(hashKey))),
    async remove(ids) {
      if (ids.length > 0) await answered(redis.hdel(hashKey, ...ids));
    },
  };
}

/** In this process, and gone with it. */
export function keyEntriesInMemory(): KeyEntries {
  const entries = new Map<string, string>();
  return {
    get: async (id) => entries.get(id),
    async set(id, text) {
      entries.set(id, text);
    },
    all: async () => [...entries.values()],
    async remove(ids) {
      for (const id of ids) entries.delete(id);
    },
  };
}

async function answered<Value>(reply: Promise<Value>): Promise<Value> {
  return reply.catch((error: unknown) => {
    const code = redisFailure(error);
    const detail =
      code === 'redis_full'
        ? 'The API key cannot be kept: the memory of Redis is full'
        : 'The API keys cannot be read: Redis does not answer';
    throw new ServiceError(code, detail, { cause: error });
  });
}

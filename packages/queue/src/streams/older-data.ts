import { createKeys } from '../keys.ts';
import { isCluster, type RedisClient } from './redis-client.ts';

/** The queues of the older service: zsets of task ids, scored by minus the Unix seconds of their submission. */
export const olderQueueNames = ['critical', 'high', 'normal', 'low'] as const;

/** What an older service kept under a prefix, beside the records themselves under our own name for them. */
export function createOlderKeys(prefix: string) {
  return {
    /** hash: what the older service noted about a task beside its record. */
    meta: (id: string) => `${prefix}:task:meta:${id}`,
    queue: (name: (typeof olderQueueNames)[number]) => `${prefix}:queue:${name}`,
    /** stream of `task_id`, `priority`, `created_at`; we keep our lifecycle events under the same name. */
    stream: createKeys(prefix).lifecycle,
  };
}

/**
 * What a key of a task holds: a hash of ours, one of the older service, JSON text (the older service's basic kind or
 * ours), nothing any more, or something that is none of these.
 */
export type TaskKeyForm = 'own' | 'older' | 'text' | 'gone' | 'other';

/** The form of a key that begins as a task's key does. */
export async function formOf(redis: RedisClient, key: string | Buffer): Promise<TaskKeyForm> {
  const type = await redis.type(key);
  if (type === 'string') return 'text';
  if (type === 'none') return 'gone';
  if (type !== 'hash') return 'other';
  // Ours all have the first; the older service's have the others, by their Python names.
  const [own, ...older] = await redis.hmget(key, 'maxAttempts', 'task_id', 'id', 'created_at');
  if (own !== null) return 'own';
  return older.some((value) => value !== null) ? 'older' : 'other';
}

/** Pages of the keys that match a pattern, on whichever server of a cluster they are. A key may come twice. */
export async function* scanKeys(redis: RedisClient, match: string, count: number): AsyncGenerator<Buffer[]> {
  for (const node of isCluster(redis) ? redis.nodes('master') : [redis]) {
    let cursor = '0';
    do {
      const [next, page] = await node.scanBuffer(cursor, 'MATCH', match, 'COUNT', count);
      cursor = String(next);
      if (page.length > 0) yield page;
    } while (cursor !== '0');
  }
}

/** Whether a stream is the older service's: its entries name tasks by `task_id`. */
export async function isOlderStream(redis: RedisClient, name: string): Promise<boolean> {
  if ((await redis.type(name)) !== 'stream') return false;
  const [first] = await redis.xrange(name, '-', '+', 'COUNT', 1);
  return first?.[1].includes('task_id') ?? false;
}

/** The name of some key of an older service, or of our own basic kind, under a prefix; undefined when there is none. */
export async function findOlderData(redis: RedisClient, prefix: string): Promise<string | undefined> {
  const older = createOlderKeys(prefix);
  if (await isOlderStream(redis, older.stream)) return older.stream;
  for (const name of olderQueueNames)
    if ((await redis.exists(older.queue(name))) === 1) return older.queue(name);
  for await (const page of scanKeys(redis, createKeys(prefix).task('*'), 1000)) {
    const forms = await Promise.all(page.map((key) => formOf(redis, key)));
    const at = forms.findIndex((form) => form === 'older' || form === 'text');
    if (at >= 0) return page[at]?.toString();
  }
  return undefined;
}

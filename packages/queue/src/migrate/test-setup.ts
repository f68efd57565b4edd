import type { Redis } from 'ioredis';
import type { TargetRules } from './migrated-task.ts';

export const day = 86_400;

export const rules: TargetRules = { now: Date.now, maxAttempts: 4, ttlSeconds: day, maxDurationSeconds: 300 };

/** The older service's time: ISO 8601 without a zone, with microseconds, in UTC. */
export function pythonTime(secondsAgo: number): string {
  return `${new Date(Date.now() - secondsAgo * 1000).toISOString().slice(0, -1)}000`;
}

/** What the older basic kind does with a task: JSON under one key, with a time to live that its first update loses. */
export async function writeOlderBasic(
  redis: Redis,
  id: string,
  record: object | string,
  ttlSeconds?: number,
): Promise<void> {
  const text = typeof record === 'string' ? record : JSON.stringify(record);
  if (ttlSeconds === undefined) await redis.set(`musicgen:task:${id}`, text);
  else await redis.set(`musicgen:task:${id}`, text, 'EX', ttlSeconds);
}

export interface OlderHash {
  id: string;
  /** Texts of the hash beside `task_id`. */
  fields: Record<string, string | Buffer>;
  /** How long ago it was submitted. */
  secondsAgo: number;
  /** The queue it waits in. */
  queue?: 'critical' | 'high' | 'normal' | 'low';
  ttlSeconds?: number;
}

/** What the older advanced kind does with a task: record, note, stream entry, queue. */
export async function writeOlderHash(redis: Redis, task: OlderHash): Promise<void> {
  const { id, fields, secondsAgo, queue, ttlSeconds } = task;
  const at = Math.floor(Date.now() / 1000 - secondsAgo);
  const created_at = pythonTime(secondsAgo);
  const key = `musicgen:task:${id}`;
  await redis.hset(key, { task_id: id, created_at, ...fields });
  await redis.hset(`musicgen:task:meta:${id}`, {
    task_id: id,
    priority: String(fields.priority ?? 5),
    created_at,
    expires_at: pythonTime(secondsAgo - (ttlSeconds ?? day)),
    ttl: String(ttlSeconds ?? day),
  });
  if (ttlSeconds !== undefined) {
    await redis.expire(key, ttlSeconds);
    await redis.expire(`musicgen:task:meta:${id}`, ttlSeconds);
  }
  await redis.xadd(
    'musicgen:task:stream',
    '*',
    'task_id',
    id,
    'priority',
    String(fields.priority ?? 5),
    'created_at',
    created_at,
  );
  if (queue !== undefined) await redis.zadd(`musicgen:queue:${queue}`, -at, id);
}

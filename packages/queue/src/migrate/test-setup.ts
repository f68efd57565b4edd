import type { Redis } from 'ioredis';
import type { Repair } from '../queue-events.ts';
import { type StreamsTestQueue, useTestServer } from '../streams/test-setup.ts';
import type { TaskRecord } from '../task-record.ts';
import { type MigrationOptions, migrateTasks } from './migrate-tasks.ts';
import type { TargetRules } from './migrated-task.ts';
import { openRedisSource } from './open-redis-source.ts';
import type { MigrationReport } from './report.ts';
import type { RedisPlace } from './task-source.ts';

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

/** A migration between places of the tests' choice. */
export async function migrate(
  source: RedisPlace,
  target: Pick<StreamsTestQueue, 'redis' | 'queue' | 'keys'>,
  options: Partial<MigrationOptions> = {},
): Promise<MigrationReport> {
  const { dryRun = false } = options;
  const place = { redis: target.redis, prefix: prefixOf(target) };
  const opened = await openRedisSource({ source, target: place, batchSize: 3, rules, dryRun });
  if (!dryRun) await target.queue.prepare();
  return migrateTasks({ source: opened, target: target.queue, ...options });
}

export function prefixOf({ keys }: Pick<StreamsTestQueue, 'keys'>): string {
  return keys.task('').slice(0, -':task:'.length);
}

/**
 * A real server for the tests of one file. Each call gives a target under a prefix of its own, and, emptied, another
 * database as the source of an older service.
 */
export function usePlaces() {
  const setup = useTestServer({ 'enable-debug-command': 'yes' });
  const opened: Redis[] = [];
  afterEach(() => {
    for (const redis of opened.splice(0)) redis.disconnect();
  });
  return async () => {
    const target = await setup();
    const redis = target.redis.duplicate({ db: 1 });
    opened.push(redis);
    await redis.flushdb();
    const source = { redis, prefix: 'musicgen' };
    return {
      target,
      source: redis,
      migrate: (options: Partial<MigrationOptions> = {}) => migrate(source, target, options),
      /** A further queue, in whatever database. */
      another: setup,
    };
  };
}

/** Every task by its prompt. */
export async function tasksOf({ queue }: Pick<StreamsTestQueue, 'queue'>): Promise<Map<string, TaskRecord>> {
  const found = new Map<string, TaskRecord>();
  let cursor: string | undefined;
  do {
    const page = await queue.createAdmin().everyTask({ limit: 100, ...(cursor !== undefined && { cursor }) });
    // Where a task stands depends on the others, too: `claimAll` tells the order.
    for (const { place: _, ...task } of page.tasks) found.set(String(task.request.prompt), task);
    cursor = page.next;
  } while (cursor !== undefined);
  return found;
}

/** The prompts of all waiting tasks in the order in which a worker takes them. */
export async function claimAll({ consumer }: Pick<StreamsTestQueue, 'consumer'>): Promise<string[]> {
  const prompts: string[] = [];
  for (let claim = await consumer.claim(); claim !== undefined; claim = await consumer.claim()) {
    prompts.push(String(claim.task.request.prompt));
  }
  return prompts;
}

export async function expectNothingToRepair({ queue }: Pick<StreamsTestQueue, 'queue'>): Promise<void> {
  const repairs: [string, Repair][] = [];
  queue.events.on('task:repaired', ({ taskId, repair }) => repairs.push([taskId, repair]));
  await queue.createReconciler().reconcile();
  expect(repairs).toEqual([]);
}

/** What stands under every key that matches, whatever its order inside. */
export async function contentOf(redis: Redis, match = '*'): Promise<unknown[]> {
  const keys = (await redis.keys(match)).sort();
  return [keys, keys.length === 0 ? [] : await redis.call('DEBUG', 'DIGEST-VALUE', ...keys)];
}

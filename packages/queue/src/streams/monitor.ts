import { type Priority, priorityNames, type TaskStatus } from '@musicgen/contract';
import { type JsonObject, parseJsonObject, type TaskRecord } from '../task-record.ts';
import type { QueueContext } from './context.ts';
import { readTasks } from './read-tasks.ts';
import { factsFromInfo, type ServerFacts } from './server-check.ts';
import {
  countOf,
  hourlyTallies,
  hoursKept,
  meanMs,
  percentileMs,
  readTallies,
  type Tally,
  tallyOfWindow,
} from './statistics.ts';

export interface QueueDepth {
  priority: Priority;
  /** Claimable tasks. */
  waiting: number;
  oldestAgeMs?: number;
  paused: boolean;
}

export interface Performance {
  meanProcessingMs: number | undefined;
  p50ProcessingMs: number | undefined;
  p95ProcessingMs: number | undefined;
  p99ProcessingMs: number | undefined;
  p50WaitingMs: number | undefined;
  p95WaitingMs: number | undefined;
  /** Completed of all that were finished. Undefined, as the rest, when there was nothing to measure. */
  successRate: number | undefined;
  /** Attempts that led to a retry, of all that ended with a verdict. */
  retryRate: number | undefined;
  completedPerMinute: number;
}

export interface WorkerPresence {
  id: string;
  seenAt: number;
  draining: boolean;
  description: JsonObject;
}

/**
 * Looks at the queue without going through its tasks: every answer reads indexes and counters that the transitions
 * keep, and costs the same for ten tasks and for a million.
 */
export interface QueueMonitor {
  counts(): Promise<Record<TaskStatus, number>>;
  queues(): Promise<QueueDepth[]>;
  /** How many tasks wait for a retry. */
  delayed(): Promise<number>;
  deadLetters(): Promise<number>;
  /** How many tasks exist by priority, and by the minutes since their submission, to the minute. */
  existing(): Promise<{ byPriority: Record<Priority, number>; byAgeMinutes: Map<number, number> }>;
  /** Over the last `windowMs`, to the minute; to the hour for more than a day. */
  performance(windowMs: number): Promise<Performance>;
  /** The last hours, at most a week, the current one last; `startsAt` in Unix milliseconds. */
  trends(hours: number): Promise<{ startsAt: number; created: number; completed: number; failed: number }[]>;
  /** Running totals since the queue exists: `created:HIGH`, `completed:LOW`, `processed_ms` … */
  totals(): Promise<Tally>;
  /** The first waiting tasks of a queue in claim order, and since when each waits there. */
  waiting(priority: Priority, limit: number): Promise<{ task: TaskRecord; queuedAt: number }[]>;
  /** Attempts that have run for longer than `longerThanMs`, the longest first, and how many there are in all. */
  stalled(
    longerThanMs: number,
    limit: number,
  ): Promise<{ total: number; tasks: { task: TaskRecord; claimedAt: number }[] }>;
  workers(): Promise<WorkerPresence[]>;
  lifecycle(): Promise<{ length: number; firstId?: string; lastId?: string }>;
  server(): Promise<ServerFacts>;
  /** When expired and outdated tasks were last looked for, in Unix milliseconds. */
  cleanedAt(): Promise<number | undefined>;
}

export function createMonitor(context: QueueContext): QueueMonitor {
  const { redis, keys } = context;

  /** Ages are measured against the clock that wrote the times. */
  async function serverNow(): Promise<number> {
    const [seconds, microseconds] = await redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }

  async function queues(): Promise<QueueDepth[]> {
    const [now, paused] = await Promise.all([serverNow(), redis.smembers(keys.paused)]);
    return Promise.all(
      priorityNames.map(async (priority) => {
        const [waiting, [, oldest]] = await Promise.all([
          redis.zcard(keys.waiting(priority)),
          redis.zrange(keys.waiting(priority), '0', '0', 'WITHSCORES'),
        ]);
        const oldestAgeMs = oldest === undefined ? {} : { oldestAgeMs: Math.max(0, now - Number(oldest)) };
        return { priority, waiting, ...oldestAgeMs, paused: paused.includes(priority) };
      }),
    );
  }

  async function withScores(scored: readonly string[]): Promise<{ task: TaskRecord; score: number }[]> {
    const scores = new Map<string, number>();
    for (let index = 0; index + 1 < scored.length; index += 2) {
      scores.set(scored[index] ?? '', Math.floor(Number(scored[index + 1])));
    }
    const tasks = await readTasks(context, [...scores.keys()]);
    return tasks.map((task) => ({ task, score: scores.get(task.id) ?? 0 }));
  }

  return {
    queues,
    delayed: () => redis.zcard(keys.delayed),
    deadLetters: () => redis.zcard(keys.dead),

    async counts() {
      const size = (status: TaskStatus) => redis.zcard(keys.status(status));
      const [processing, completed, failed, cancelled, expired, delayed, ...waiting] = await Promise.all([
        size('processing'),
        size('completed'),
        size('failed'),
        size('cancelled'),
        size('expired'),
        redis.zcard(keys.delayed),
        ...priorityNames.map((priority) => redis.zcard(keys.waiting(priority))),
      ]);
      const pending = waiting.reduce((sum, count) => sum + count, delayed);
      return { pending, processing, completed, failed, cancelled, expired };
    },

    async existing() {
      const [now, counts] = await Promise.all([serverNow(), redis.hgetall(keys.existing)]);
      const byPriority = { CRITICAL: 0, HIGH: 0, NORMAL: 0, LOW: 0 };
      const byAgeMinutes = new Map<number, number>();
      for (const [name, count] of Object.entries(counts)) {
        const priority = priorityNames.find((candidate) => candidate === name);
        if (priority === undefined) byAgeMinutes.set(Math.floor(now / 60_000) - Number(name), Number(count));
        else byPriority[priority] = Number(count);
      }
      return { byPriority, byAgeMinutes };
    },

    async performance(windowMs) {
      return performanceOf(await tallyOfWindow(context, windowMs, await serverNow()), windowMs);
    },

    async trends(hours) {
      const tallies = await hourlyTallies(context, Math.min(hours, hoursKept), await serverNow());
      return tallies.map(({ startsAt, tally }) => ({
        startsAt,
        created: countOf(tally, 'created'),
        completed: countOf(tally, 'completed'),
        failed: countOf(tally, 'failed'),
      }));
    },

    async totals() {
      const [totals] = await readTallies(context, [keys.counters]);
      return totals ?? new Map();
    },

    async waiting(priority, limit) {
      const scored = await redis.zrange(keys.waiting(priority), '0', String(limit - 1), 'WITHSCORES');
      return (await withScores(scored)).map(({ task, score }) => ({ task, queuedAt: score }));
    },

    async stalled(longerThanMs, limit) {
      const before = (await serverNow()) - longerThanMs;
      const processing = keys.status('processing');
      const [total, scored] = await Promise.all([
        redis.zcount(processing, '-inf', before),
        redis.zrangebyscore(processing, '-inf', before, 'WITHSCORES', 'LIMIT', 0, limit),
      ]);
      const tasks = (await withScores(scored)).map(({ task, score }) => ({ task, claimedAt: score }));
      return { total, tasks };
    },

    async workers() {
      const ids = await redis.zrange(keys.workers, '0', '-1');
      const found = await Promise.all(
        ids.map(async (id) => ({ id, fields: await redis.hgetall(keys.worker(id)) })),
      );
      return found
        .filter(({ fields }) => fields.seenAt !== undefined)
        .map(({ id, fields }) => ({
          id,
          seenAt: Number(fields.seenAt),
          draining: fields.drain !== undefined,
          description: parseJsonObject(fields.description ?? '') ?? {},
        }));
    },

    async lifecycle() {
      const [length, [first], [last]] = await Promise.all([
        redis.xlen(keys.lifecycle),
        redis.xrange(keys.lifecycle, '-', '+', 'COUNT', 1),
        redis.xrevrange(keys.lifecycle, '+', '-', 'COUNT', 1),
      ]);
      return first === undefined || last === undefined
        ? { length }
        : { length, firstId: first[0], lastId: last[0] };
    },

    server: async () => factsFromInfo(await redis.info()),

    async cleanedAt() {
      const at = await redis.hget(keys.counters, 'cleanedAt');
      return at === null ? undefined : Number(at);
    },
  };
}

function performanceOf(tally: Tally, windowMs: number): Performance {
  const completed = countOf(tally, 'completed');
  const failed = countOf(tally, 'failed');
  const retried = countOf(tally, 'retried');
  const finished = completed + failed + countOf(tally, 'expired');
  const attempts = completed + failed + retried;
  const known = {
    meanProcessingMs: meanMs(tally, 'processed'),
    p50ProcessingMs: percentileMs(tally, 'processed', 0.5),
    p95ProcessingMs: percentileMs(tally, 'processed', 0.95),
    p99ProcessingMs: percentileMs(tally, 'processed', 0.99),
    p50WaitingMs: percentileMs(tally, 'waited', 0.5),
    p95WaitingMs: percentileMs(tally, 'waited', 0.95),
    successRate: finished === 0 ? undefined : completed / finished,
    retryRate: attempts === 0 ? undefined : retried / attempts,
    completedPerMinute: completed / (windowMs / 60_000),
  };
  return known;
}

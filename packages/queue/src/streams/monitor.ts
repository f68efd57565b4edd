import { type Priority, priorityNames, type TaskStatus } from '@musicgen/contract';
import { returnedConsumer, workersGroup } from '../keys.ts';
import { performanceOf } from '../performance.ts';
import type { AgeCount, QueueDepth, QueueMonitor } from '../queue-monitor.ts';
import { countOf, type Tally } from '../tally.ts';
import { parseJsonObject, type TaskRecord } from '../task-record.ts';
import { readBacklog } from './backlog.ts';
import type { QueueContext } from './context.ts';
import { whenOutlived } from './expiry-index.ts';
import { isReplyError } from './groups.ts';
import { readTasks } from './read-tasks.ts';
import { serverScript } from './scripts/server.lua.ts';
import { factsFromInfo } from './server-check.ts';
import { hourlyTallies, minuteTallies, tallyOfWindow, totals } from './statistics.ts';
import { readStreamStates, type StreamState } from './stream-state.ts';

/**
 * Looks at the queue without going through its tasks: every answer reads indexes and counters that the transitions
 * keep, and costs the same for ten tasks and for a million.
 */
export interface StreamsMonitor extends QueueMonitor {
  /** The work streams: whole, unless data was lost a moment ago. */
  streams(): Promise<StreamState[]>;
  /** The server's clock, in Unix milliseconds. */
  now(): Promise<number>;
}

export function createMonitor(context: QueueContext): StreamsMonitor {
  const { redis, keys, run } = context;

  /** Ages are measured against the clock that wrote the times. */
  async function serverNow(): Promise<number> {
    const [seconds, microseconds] = await redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }

  async function queues(): Promise<QueueDepth[]> {
    const [now, paused] = await Promise.all([serverNow(), redis.smembers(keys.paused)]);
    return Promise.all(
      priorityNames.map(async (priority) => {
        const [waiting, pending, [, oldest]] = await Promise.all([
          redis.zcard(keys.waiting(priority)),
          pendingSummary(priority),
          redis.zrange(keys.waiting(priority), '0', '0', 'WITHSCORES'),
        ]);
        const oldestAgeMs = oldest === undefined ? {} : { oldestAgeMs: Math.max(0, now - Number(oldest)) };
        const held = pending.filter(([worker]) => worker !== returnedConsumer);
        const running = held.reduce((sum, [, entries]) => sum + Number(entries), 0);
        return { priority, waiting, running, ...oldestAgeMs, paused: paused.includes(priority) };
      }),
    );
  }

  /** Entries that are delivered and not done with, by worker: the groups keep that count. */
  async function heldByWorker(): Promise<Map<string, number>> {
    const summaries = await Promise.all(priorityNames.map(pendingSummary));
    const held = new Map<string, number>();
    for (const [worker, entries] of summaries.flat()) {
      held.set(worker, (held.get(worker) ?? 0) + Number(entries));
    }
    return held;
  }

  async function pendingSummary(priority: Priority): Promise<[worker: string, entries: string][]> {
    try {
      const [, , , consumers] = await redis.xpending(keys.stream(priority), workersGroup);
      return (consumers as [string, string][] | null) ?? [];
    } catch (error) {
      // The stream was lost a moment ago; maintenance makes it anew.
      if (isReplyError(error, 'NOGROUP')) return [];
      throw error;
    }
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
    backlog: () => readBacklog(context),
    delayed: () => redis.zcard(keys.delayed),
    deadLetters: () => redis.zcard(keys.dead),

    async counts() {
      const [tally, processing, delayed, ...waiting] = await Promise.all([
        totals(context, await serverNow()),
        redis.zcard(keys.processing),
        redis.zcard(keys.delayed),
        ...priorityNames.map((priority) => redis.zcard(keys.waiting(priority))),
      ]);
      const kept = (status: TaskStatus) =>
        countOf(tally, status) -
        priorityNames.reduce((sum, name) => sum + (tally.get(`removed:${name}:${status}`) ?? 0), 0);
      return {
        pending: waiting.reduce((sum, count) => sum + count, delayed),
        processing,
        completed: kept('completed'),
        failed: kept('failed') - countOf(tally, 'requeued'),
        cancelled: kept('cancelled'),
        expired: kept('expired'),
      };
    },

    async existing() {
      const now = await serverNow();
      const tally = await totals(context, now);
      const of = (kind: string, priority: Priority) => tally.get(`${kind}:${priority}`) ?? 0;
      const byPriority = { CRITICAL: 0, HIGH: 0, NORMAL: 0, LOW: 0 };
      for (const priority of priorityNames) {
        byPriority[priority] =
          of('created', priority) + of('shifted', priority) - countOf(tally, `removed:${priority}`);
      }
      const total = Object.values(byPriority).reduce((sum, count) => sum + count, 0);
      return { byPriority, byAge: await countByAge(context, total, now) };
    },

    async performance(windowMs) {
      return performanceOf(await tallyOfWindow(context, windowMs, await serverNow()), windowMs);
    },

    async trends(hours) {
      const tallies = await hourlyTallies(context, hours, await serverNow());
      return [...tallies].map(([hour, tally]) => ({
        startsAt: hour * 3_600_000,
        created: countOf(tally, 'created'),
        completed: countOf(tally, 'completed'),
        failed: countOf(tally, 'failed'),
      }));
    },

    totals: async () => totals(context, await serverNow()),

    async waiting(priority, limit) {
      const scored = await redis.zrange(keys.waiting(priority), '0', String(limit - 1), 'WITHSCORES');
      return (await withScores(scored)).map(({ task, score }) => ({ task, queuedAt: score }));
    },

    async stalled(longerThanMs, limit) {
      const before = (await serverNow()) - longerThanMs;
      const [total, scored] = await Promise.all([
        redis.zcount(keys.processing, '-inf', before),
        redis.zrangebyscore(keys.processing, '-inf', before, 'WITHSCORES', 'LIMIT', 0, limit),
      ]);
      const tasks = (await withScores(scored)).map(({ task, score }) => ({ task, claimedAt: score }));
      return { total, tasks };
    },

    async workers() {
      const [ids, held] = await Promise.all([redis.zrange(keys.workers, '0', '-1'), heldByWorker()]);
      const found = await Promise.all(
        ids.map(async (id) => ({ id, fields: await redis.hgetall(keys.worker(id)) })),
      );
      return found
        .filter(({ fields }) => fields.seenAt !== undefined)
        .map(({ id, fields }) => ({
          id,
          seenAt: Number(fields.seenAt),
          draining: fields.drain !== undefined,
          holding: held.get(id) ?? 0,
          description: parseJsonObject(fields.description ?? '') ?? {},
        }));
    },

    streams: () => readStreamStates(context),
    readableStreams: async () => (await readStreamStates(context)).filter(({ hasGroup }) => hasGroup).length,
    now: serverNow,

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

    server: async () => factsFromInfo(String(await run(serverScript, []))),

    whenOutlived: (share) => whenOutlived(context, share),

    async cleanedAt() {
      const at = await redis.hget(keys.counters, 'cleanedAt');
      return at === null ? undefined : Number(at);
    },
  };
}

/** Every count is what exists up to an age, less what exists up to the next lower one, so they add up to the total. */
async function countByAge(context: QueueContext, total: number, now: number): Promise<AgeCount[]> {
  const [minutes, hours] = await Promise.all([
    minuteTallies(context, 60, now),
    hourlyTallies(context, 24, now),
  ]);
  const alive = (tallies: readonly Tally[]) =>
    tallies.reduce((sum, tally) => sum + countOf(tally, 'created') - countOf(tally, 'gone'), 0);
  const youngerThan = [
    ...[1, 5, 15, 60].map((age) => alive([...minutes.values()].slice(-age))),
    ...[6, 24].map((age) => alive([...hours.values()].slice(-age))),
    total,
  ];
  return [0, 1, 5, 15, 60, 360, 1440].map((fromMinutes, index) => ({
    fromMinutes,
    count: Math.max(0, (youngerThan[index] ?? 0) - (youngerThan[index - 1] ?? 0)),
  }));
}

import { priorityNames } from '@musicgen/contract';
import { type DeadLetter, deadCursor, parseDeadCursor, type QueueAdmin } from '../queue-admin.ts';
import type { QueueContext } from './context.ts';
import { pageOfIds } from './expiry-index.ts';
import { presenceLastsMs } from './presence.ts';
import { readTasks } from './read-tasks.ts';
import { requeueScript } from './scripts/requeue.lua.ts';
import { resumeScript } from './scripts/resume.lua.ts';

export function createAdmin({ redis, keys, run }: QueueContext): QueueAdmin {
  /** Dead letters older than one, by time and then by id; from the latest on without one. */
  async function deadAfter(after: DeadLetter | undefined, limit: number): Promise<DeadLetter[]> {
    const found: DeadLetter[] = [];
    let offset = 0;
    let page: DeadLetter[];
    do {
      page = await deadPage({ from: after?.at ?? '+inf', offset, limit });
      found.push(...page.filter(({ id, at }) => at !== after?.at || id < after.id));
      offset += limit;
    } while (found.length < limit && page.length === limit);
    return found.slice(0, limit);
  }

  async function deadPage(page: { from: string; offset: number; limit: number }): Promise<DeadLetter[]> {
    const { from, offset, limit } = page;
    const scored = await redis.zrevrangebyscore(
      keys.dead,
      from,
      '-inf',
      'WITHSCORES',
      'LIMIT',
      offset,
      limit,
    );
    return Array.from({ length: scored.length / 2 }, (_, index) => ({
      id: scored[2 * index] ?? '',
      at: scored[2 * index + 1] ?? '',
    }));
  }

  return {
    async pause(priority) {
      await redis.sadd(keys.paused, priority);
    },
    async resume(priority) {
      await run(resumeScript, [priority]);
    },
    async paused() {
      const paused = await redis.smembers(keys.paused);
      return priorityNames.filter((priority) => paused.includes(priority));
    },

    async deadLetters({ limit, cursor }) {
      const found = await deadAfter(cursor === undefined ? undefined : parseDeadCursor(cursor), limit);
      const tasks = await readTasks(
        { run },
        found.map(({ id }) => id),
      );
      const last = found.at(-1);
      return found.length < limit || last === undefined ? { tasks } : { tasks, next: deadCursor(last) };
    },

    async everyTask({ limit, cursor }) {
      const { ids, ...next } = await pageOfIds({ redis, keys }, cursor, limit);
      return { tasks: await readTasks({ run }, ids), ...next };
    },

    async requeue(id) {
      return (await run(requeueScript, [id])) === 1;
    },
    async drop(id) {
      return (await redis.zrem(keys.dead, id)) === 1;
    },
    async drainWorker(workerId) {
      if ((await redis.exists(keys.worker(workerId))) === 0) return false;
      await redis.hset(keys.worker(workerId), 'drain', 1);
      // Where the worker has left in between, this has made its entry anew, without an end.
      await redis.pexpire(keys.worker(workerId), presenceLastsMs, 'NX');
      return true;
    },
  };
}

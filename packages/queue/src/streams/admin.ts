import { type Priority, priorityNames } from '@musicgen/contract';
import type { TaskRecord } from '../task-record.ts';
import type { QueueContext } from './context.ts';
import { presenceLastsMs } from './presence.ts';
import { readTasks } from './read-tasks.ts';
import { requeueScript } from './scripts/requeue.lua.ts';
import { resumeScript } from './scripts/resume.lua.ts';

export interface Page {
  /** At most so many. */
  limit: number;
  /** From a `next` of the page before; absent: from the beginning. */
  cursor?: string;
}

export interface TaskPage {
  tasks: TaskRecord[];
  /** Where the next page begins; absent after the last. */
  next?: string;
}

/** What an operator does to queues, dead letters and workers. */
export interface QueueAdmin {
  /** Keeps workers from taking tasks of a priority; what runs goes on, new tasks are still admitted. */
  pause(priority: Priority): Promise<void>;
  resume(priority: Priority): Promise<void>;
  paused(): Promise<Priority[]>;
  /** Dead letters, the latest first. */
  deadLetters(page: Page): Promise<TaskPage>;
  /**
   * All tasks, in no order, as many at a time as Redis gives: about `limit`, none, or more. One that exists throughout
   * comes at least once. A cursor stays good however long nobody asks.
   */
  everyTask(page: Page): Promise<TaskPage>;
  /** Gives a dead letter all its attempts and its time to live again; false when there is none of that id. */
  requeue(id: string): Promise<boolean>;
  /** Strikes a dead letter off the list; the failed task stays until its time is over. False when there is none. */
  drop(id: string): Promise<boolean>;
  /** Asks a worker to finish what it has and stop; it hears of it within 20 s. False when no such worker lives. */
  drainWorker(workerId: string): Promise<boolean>;
}

interface DeadLetter {
  id: string;
  at: string;
}

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
      return found.length < limit || last === undefined
        ? { tasks }
        : { tasks, next: `${last.at}_${last.id}` };
    },

    async everyTask({ limit, cursor = '0' }) {
      if (!/^\d{1,20}$/.test(cursor)) throw new RangeError(`"${cursor}" is no cursor`);
      const [next, members] = await redis.zscan(keys.expiry, cursor, 'COUNT', limit);
      const tasks = await readTasks(
        { run },
        members.filter((_, index) => index % 2 === 0),
      );
      return next === '0' ? { tasks } : { tasks, next };
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

function parseDeadCursor(cursor: string): DeadLetter {
  const [, at, id] = /^(\d{1,16})_([\w-]{1,64})$/.exec(cursor) ?? [];
  if (at === undefined || id === undefined) throw new RangeError(`"${cursor}" is no cursor`);
  return { at, id };
}

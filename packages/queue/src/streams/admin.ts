import { type Priority, priorityNames } from '@musicgen/contract';
import type { TaskRecord } from '../task-record.ts';
import type { QueueContext } from './context.ts';
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
  /** Gives a dead letter all its attempts and its time to live again; false when there is none of that id. */
  requeue(id: string): Promise<boolean>;
  /** Strikes a dead letter off the list; the failed task stays until its time is over. False when there is none. */
  drop(id: string): Promise<boolean>;
  /** Asks a worker to finish what it has and stop; it hears of it within 20 s. False when no such worker lives. */
  drainWorker(workerId: string): Promise<boolean>;
}

export function createAdmin({ redis, keys, run }: QueueContext): QueueAdmin {
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

    async deadLetters({ limit, cursor = '0' }) {
      const offset = Number(cursor);
      if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`"${cursor}" is no cursor`);
      const ids = await redis.zrevrange(keys.dead, offset, offset + limit - 1);
      const tasks = await readTasks({ redis, keys }, ids);
      return ids.length < limit ? { tasks } : { tasks, next: String(offset + limit) };
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
      return true;
    },
  };
}

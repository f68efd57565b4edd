import type { Priority } from '@musicgen/contract';
import type { TaskRecord } from './task-record.ts';

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

/** Where a dead letter stands in their list. */
export interface DeadLetter {
  id: string;
  at: string;
}

export function deadCursor({ at, id }: DeadLetter): string {
  return `${at}_${id}`;
}

/** @throws RangeError for a cursor that no page has given. */
export function parseDeadCursor(cursor: string): DeadLetter {
  const [, at, id] = /^(\d{1,16})_([\w-]{1,64})$/.exec(cursor) ?? [];
  if (at === undefined || id === undefined) throw new RangeError(`"${cursor}" is no cursor`);
  return { at, id };
}

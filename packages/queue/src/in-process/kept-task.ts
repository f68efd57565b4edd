import type { TaskStatus } from '@musicgen/contract';
import type { TaskRecord } from '../task-record.ts';

/** A turn of a task that the outbox has not been relieved of yet. */
export interface UntoldTurn {
  id: string;
  status: TaskStatus;
  /** Unix milliseconds. */
  at: number;
}

/** A task with everything that a queue of one process must find again after a restart. */
export interface KeptTask {
  task: TaskRecord;
  /**
   * Its place in its queue, and so since when it waits there: Unix milliseconds, made unique by a fraction. A task that
   * is claimed keeps it, to come back to. Absent for one that waits for its retry, and for a finished one.
   */
  queuedAt?: number;
  /** What an unfinished attempt left to go on from. */
  checkpoint?: Buffer;
  /** Since when it is a dead letter, in Unix milliseconds. */
  deadSince?: number;
  /** As it was submitted. */
  notify?: string;
  idempotency?: { key: string; requestHash: string };
  untold?: UntoldTurn[];
}

import type { TaskKeyForm } from '../streams/older-data.ts';
import type { TaskRecord } from '../task-record.ts';

/** A task of a source as it shall stand in the target. */
export interface MigratedTask {
  /** Waiting or finished; `stage`, `progress` and `worker` of an attempt that nobody goes on with are not in it. */
  task: TaskRecord;
  /** Its place among the waiting tasks, in Unix milliseconds and parts of them; absent: it waits for a retry, or is finished. */
  order?: number;
  /** What the outbox says about it. */
  notify?: string;
  /** Of a dead letter: since when. */
  deadSince?: number;
  idempotency?: { key: string; requestHash: string };
  /** The source no longer knows when it ends: its time to live begins anew when it is migrated. */
  livesAnew?: boolean;
  /** Its id there, where that cannot be one here. */
  renamedFrom?: string;
}

/** Why a task cannot be migrated. */
export type SkipReason =
  | 'not_utf8'
  | 'unreadable_json'
  | 'unreadable_record'
  | 'unreadable_request'
  | 'unreadable_time'
  | 'unknown_status'
  | 'unknown_priority'
  | 'beyond_limits'
  | 'too_large'
  | 'not_a_task';

/** This task stays where it is: what is wrong with it, in one sentence that repeats nothing of what it holds. */
export class UnfitTask extends Error {
  override readonly name = 'UnfitTask';
  readonly reason: SkipReason;

  constructor(reason: SkipReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** What the target adds to a task, and what it allows. */
export interface TargetRules {
  /** The target's clock, in Unix milliseconds. */
  now(): number;
  /** Of a task whose source knows no number. */
  maxAttempts: number;
  /** Of a task that says none. */
  ttlSeconds: number;
  /** The longest piece that may still be made. */
  maxDurationSeconds: number;
}

/** One task of a source: read, or why it cannot be. */
export interface SourceTask {
  /** Its key, or its line: for people, and for the source to find it again. */
  name: string;
  read: MigratedTask | UnfitTask;
  /** Where a Redis source found it. */
  found?: { key: Buffer; form: TaskKeyForm };
}

/**
 * An error of reading one task as why it stays behind: one odd task must not stop the others.
 * @throws what says nothing about the task
 */
export function unfitFrom(error: unknown): UnfitTask {
  if (error instanceof UnfitTask) return error;
  // The stack is full: JSON nests deeper than it can be worked with.
  if (error instanceof RangeError) return new UnfitTask('unreadable_record', 'Its values nest too deeply');
  throw error;
}

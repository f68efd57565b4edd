import type { TaskStatus } from '@musicgen/contract';
import type { TaskRecord } from './task-record.ts';

/** What happened to a task. `progress` repeats; the others are transitions. */
export type LifecycleEventType =
  | 'created'
  | 'updated'
  | 'claimed'
  | 'progress'
  | 'retrying'
  | 'requeued'
  | 'returned'
  | 'stalled'
  | 'cancelling'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'expired';

/** One entry of the lifecycle stream. */
export interface LifecycleEvent {
  /** The Redis stream id: ordered, unique, and the SSE event id. */
  id: string;
  taskId: string;
  type: LifecycleEventType;
  /** The fields of the record that the event changed. */
  task: Pick<TaskRecord, 'status' | 'priority' | 'attempt'> &
    Partial<Pick<TaskRecord, 'stage' | 'progress' | 'error' | 'retryAt'>>;
}

/** The status that every event leaves the task in; the stream does not repeat it in each entry. */
export const statusAfter: Record<LifecycleEventType, TaskStatus> = {
  created: 'pending',
  updated: 'pending',
  claimed: 'processing',
  progress: 'processing',
  cancelling: 'processing',
  retrying: 'pending',
  returned: 'pending',
  stalled: 'pending',
  requeued: 'pending',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'expired',
};

/** Follows the lifecycle stream with one blocking connection however many listeners there are. */
export interface LifecycleReader {
  /** Calls the listener for every later event of one task, in order. Returns the undo. */
  follow(taskId: string, listener: (event: LifecycleEvent) => void): () => void;
  /** The id of the newest event of any task, `0-0` before the first: what a snapshot read after it is as new as. */
  latestId(): Promise<string>;
  /**
   * Past events of one task after a stream id, oldest first; undefined when the stream no longer holds all of them, or
   * has never given that id: then only the record itself tells how the task stands.
   */
  since(taskId: string, streamId: string): Promise<LifecycleEvent[] | undefined>;
  close(): Promise<void>;
}

/** Orders ids of one stream (`milliseconds-sequence`): negative when the first comes before the second. */
export function compareIds(id: string, other: string): number {
  const [ms = 0, sequence = 0] = id.split('-').map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number);
  return ms - otherMs || sequence - otherSequence;
}

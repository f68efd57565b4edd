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

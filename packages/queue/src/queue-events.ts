import type { EventEmitter } from 'node:events';
import type { Priority, ServiceError } from '@musicgen/contract';

/** Why an entry of a work stream was passed over instead of being handed to a worker. */
export type DiscardReason =
  | 'no_id'
  | 'no_record'
  | 'corrupt_record'
  | 'superseded'
  | 'processing'
  | 'finished'
  | 'expired';

/** What the queue reports beside the tasks' own lifecycle; apps turn these into metrics and log lines. */
export interface QueueEventMap {
  /** A setting of the Redis server that endangers tasks: eviction, no persistence. */
  'redis:warning': [{ message: string }];
  /** A consumer group was missing, because the server is new or was flushed, and was made. */
  'group:created': [{ priority: Priority }];
  /** A claim met an entry that is no claimable task; it is out of the way now. */
  'entry:discarded': [{ priority: Priority; taskId: string; reason: DiscardReason }];
  /** A worker was lost: its task is back at the head of its queue, or buried as a dead letter. */
  'lease:lapsed': [{ taskId: string; priority: Priority; outcome: RecoveryOutcome }];
  /** A retry's delay is over; the task is claimable. */
  'retry:promoted': [{ taskId: string }];
  /** A task was not finished within its time to live. */
  'task:expired': [{ taskId: string; priority: Priority }];
  /** A task ended because its cancellation was requested; where an attempt had to be stopped first, how long ago that was. */
  'task:cancelled': [{ taskId: string; priority: Priority; afterMs?: number }];
  /** A finished task is past its time to live and its record is gone. */
  'task:removed': [{ taskId: string }];
  /** Reconciliation found a task at odds with stream, group or index, and repaired it. */
  'task:repaired': [{ taskId: string; repair: Repair }];
  /** A worker that is gone was taken off the registry and the groups. */
  'worker:removed': [{ workerId: string }];
  /** A blocking connection gave no answer in time or broke; a new one takes its place. */
  'connection:replaced': [{ role: string; error: ServiceError }];
  /** A background duty failed; its next turn tries again. */
  'duty:failed': [{ duty: string; error: ServiceError }];
}

/** What became of a task whose lease lapsed. */
export type RecoveryOutcome = 'returned' | 'buried' | 'cancelled';

/** What reconciliation did: a new entry, an index entry, or a new lease for the worker that has the task. */
export type Repair = 'requeued' | 'indexed' | 'leased';

export type QueueEvents = EventEmitter<QueueEventMap>;

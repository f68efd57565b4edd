import { type Priority, priorityNames, type TaskStatus } from '@musicgen/contract';
import type { QueueEvents } from '../queue-events.ts';
import type { TaskRecord } from '../task-record.ts';
import type { Bell } from './bell.ts';
import type { Journal } from './journal.ts';
import type { KeptTask } from './kept-task.ts';
import type { LifecycleLog } from './lifecycle-log.ts';
import type { OutboxLog } from './outbox-log.ts';
import type { Tallies } from './tallies.ts';
import type { TaskStore } from './task-store.ts';

/** A task in this process. Its record is replaced, never changed, so that whoever has been given one keeps it as it was. */
export interface HeldTask extends KeptTask {
  /** Of its last attempt; whoever brings another token owns nothing. */
  token?: string;
  /** When that attempt began, and when its lease was last renewed. */
  claimedAt?: number;
  renewedAt?: number;
  /** When its cancellation was requested while it ran. */
  cancelRequestedAt?: number;
  /** When a worker was last asked to make way for it. */
  wayAskedAt?: number;
  /** When the removal of its artifacts is tried again. */
  removalDueAt?: number;
}

/**
 * What every part of a queue of one process works with. There is no index but the table itself: whatever is asked is
 * found by walking it, which takes about a millisecond for ten thousand tasks.
 */
export interface InProcessContext {
  tasks: Map<string, HeldTask>;
  /** Tasks that are on their way into the store; acknowledged to nobody yet. */
  admitting: Map<string, HeldTask>;
  /** Erased tasks whose artifacts are not removed yet, and when they are due. */
  erased: Map<string, number>;
  /** When tasks were removed whose ids are still to be known. */
  removed: Map<string, number>;
  paused: Set<Priority>;
  workers: Map<string, { seenAt: number; description: Record<string, unknown> }>;
  now: () => number;
  events: QueueEvents;
  log: LifecycleLog;
  outbox: OutboxLog;
  tallies: Tallies;
  bell: Bell<Priority>;
  journal: Journal;
  store: TaskStore;
  expiredRetentionMs: number;
  /** How many finished tasks are kept at most. */
  keptFinished: number;
  /** Told the ids of running tasks that are to stop. */
  stopListeners: Set<(taskId: string) => void>;
  cleanedAt?: number;
}

/** Replaces fields of the record; those given as undefined are gone. */
export function change(
  held: HeldTask,
  fields: Partial<{ [Field in keyof TaskRecord]: TaskRecord[Field] | undefined }>,
) {
  const task: Record<string, unknown> = { ...held.task, ...fields };
  for (const [name, value] of Object.entries(task)) if (value === undefined) delete task[name];
  held.task = task as unknown as TaskRecord;
}

export function statusIs(status: TaskStatus) {
  return ({ task }: HeldTask) => task.status === status;
}

/** The claimable tasks of a priority, in claim order. */
export function waitingIn({ tasks }: Pick<InProcessContext, 'tasks'>, priority: Priority): HeldTask[] {
  return [...tasks.values()]
    .filter((held) => isWaiting(held) && held.task.priority === priority)
    .sort((a, b) => (a.queuedAt ?? 0) - (b.queuedAt ?? 0));
}

/** The claimable tasks of every priority, each in claim order; one walk for all. */
export function waitingByPriority({ tasks }: Pick<InProcessContext, 'tasks'>): Map<Priority, HeldTask[]> {
  const lines = new Map<Priority, HeldTask[]>(priorityNames.map((priority) => [priority, []]));
  for (const held of tasks.values()) if (isWaiting(held)) lines.get(held.task.priority)?.push(held);
  for (const line of lines.values()) line.sort((a, b) => (a.queuedAt ?? 0) - (b.queuedAt ?? 0));
  return lines;
}

/** Whether it is claimable: pending, and not waiting for its retry. */
export function isWaiting({ task, queuedAt }: HeldTask): boolean {
  return task.status === 'pending' && queuedAt !== undefined;
}

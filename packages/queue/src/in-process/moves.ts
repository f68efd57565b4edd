import type { TaskStatus } from '@musicgen/contract';
import type { LifecycleEventType } from '../lifecycle.ts';
import type { RecoveryOutcome } from '../queue-events.ts';
import type { TaskFailure } from '../task-record.ts';
import { change, type HeldTask, type InProcessContext } from './context.ts';

/** Moving a task between queue, worker and its terminal status; what `streams/scripts/moves.lua.ts` does on Redis. */
export type Moves = ReturnType<typeof createMoves>;

export function createMoves(context: InProcessContext) {
  const { tasks, now, events, log, outbox, tallies, bell, journal } = context;
  let lastPlace = 0;

  /** The end of every queue: now, and later than any place before. */
  function nextPlace(at: number = now()): number {
    lastPlace = Math.max(at, lastPlace + 1 / 4096);
    return lastPlace;
  }

  /** Places that an earlier process has given come before all new ones. */
  function goOnAfter(place: number): void {
    lastPlace = Math.max(lastPlace, place);
  }

  function count(held: HeldTask, what: string): void {
    tallies.add(now(), `${what}:${held.task.priority}`);
  }

  function joinQueue(held: HeldTask): void {
    held.queuedAt = nextPlace();
    announce(held);
    journal.mark(held.task.id);
  }

  /** Wakes a worker for a task that waits. */
  function announce({ task }: HeldTask): void {
    bell.ring(task.priority);
  }

  function finish(held: HeldTask, status: TaskStatus, fields: Parameters<typeof change>[1] = {}): void {
    const { progress } = held.task;
    change(held, {
      status,
      finishedAt: now(),
      updatedAt: now(),
      stage: undefined,
      retryAt: undefined,
      cancelRequested: undefined,
      progress: progress && { frame: progress.frame, frames: progress.frames },
      ...fields,
    });
    held.queuedAt = undefined;
    held.checkpoint = undefined;
    held.claimedAt = undefined;
    outbox.tell(held, status);
    journal.mark(held.task.id);
  }

  function endCancelled(held: HeldTask): void {
    const { cancelRequestedAt } = held;
    finish(held, 'cancelled');
    log.append(held.task, 'cancelled');
    count(held, 'cancelled');
    const { id: taskId, priority } = held.task;
    const known = cancelRequestedAt === undefined ? {} : { afterMs: now() - cancelRequestedAt };
    events.emit('task:cancelled', { taskId, priority, ...known });
  }

  function endFailed(held: HeldTask, error: TaskFailure): void {
    finish(held, 'failed', { error });
    log.append(held.task, 'failed', { error });
    count(held, 'failed');
  }

  /** Ends a task as failed and as a dead letter. */
  function bury(held: HeldTask, error: TaskFailure): void {
    endFailed(held, error);
    held.deadSince = now();
  }

  /** Its record stays a while longer, so that whoever asks for it learns what became of it. */
  function expire(held: HeldTask): void {
    const wasRunning = held.task.status === 'processing';
    finish(held, 'expired', { expiresAt: now() + context.expiredRetentionMs });
    log.append(held.task, 'expired');
    count(held, 'expired');
    const { id: taskId, priority } = held.task;
    events.emit('task:expired', { taskId, priority });
    if (wasRunning) tellToStop(taskId);
  }

  function tellToStop(id: string): void {
    for (const listener of context.stopListeners) listener(id);
  }

  /** Puts a task whose attempt ended without a verdict back to where it stood, uncharged. */
  function returnToQueue(held: HeldTask, event: LifecycleEventType & ('returned' | 'stalled')): void {
    const { progress } = held.task;
    change(held, {
      status: 'pending',
      attempt: Math.max(0, held.task.attempt - 1),
      updatedAt: now(),
      worker: undefined,
      stage: undefined,
      progress: progress && { frame: progress.frame, frames: progress.frames },
    });
    held.claimedAt = undefined;
    if (held.queuedAt === undefined) joinQueue(held);
    else announce(held);
    log.append(held.task, event);
    count(held, event);
    journal.mark(held.task.id);
  }

  /** What becomes of a task whose worker is lost; losses are counted apart from failed attempts. */
  function takeBack(held: HeldTask, maxStalls: number): RecoveryOutcome {
    if (held.task.cancelRequested) {
      endCancelled(held);
      return 'cancelled';
    }
    const stalls = held.task.stalls + 1;
    change(held, { stalls });
    if (stalls > maxStalls) {
      bury(held, { code: 'worker_lost', detail: `The task lost ${stalls} workers` });
      return 'buried';
    }
    returnToQueue(held, 'stalled');
    return 'returned';
  }

  /** Ends an attempt that failed; another begins after the delay at the earliest. */
  function retryLater(held: HeldTask, error: TaskFailure, delayMs: number): void {
    const retryAt = now() + delayMs;
    held.queuedAt = undefined;
    held.claimedAt = undefined;
    change(held, {
      status: 'pending',
      retryAt,
      error,
      updatedAt: now(),
      worker: undefined,
      stage: undefined,
    });
    log.append(held.task, 'retrying', { retryAt, error });
    count(held, 'retried');
    journal.mark(held.task.id);
  }

  /** Removes a finished or erased task; for a day it is known that there was one. */
  function remove(id: string): void {
    tasks.delete(id);
    context.removed.set(id, now());
    journal.mark(id);
  }

  return {
    joinQueue,
    nextPlace,
    announce,
    goOnAfter,
    finish,
    endCancelled,
    endFailed,
    bury,
    expire,
    returnToQueue,
    takeBack,
    retryLater,
    tellToStop,
    remove,
    count,
  };
}

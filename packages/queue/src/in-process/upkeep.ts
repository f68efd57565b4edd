import { isTerminal, toServiceError } from '@musicgen/contract';
import { every, type Loop } from '../every.ts';
import type {
  Janitor,
  JanitorOptions,
  MaintenanceOptions,
  Promoter,
  Recoverer,
  RecovererOptions,
} from '../maintenance.ts';
import { change, type HeldTask, type InProcessContext, isWaiting, statusIs } from './context.ts';
import type { Moves } from './moves.ts';

/** How long the janitor leaves a task alone whose artifacts could not be removed. */
const retryRemovalMs = 60_000;
const dayMs = 86_400_000;
/** After this a turn that nobody has acknowledged is news to no one. */
const outboxLastsMs = 7 * dayMs;

export function createRecoverer(
  { tasks, now, events, journal }: InProcessContext,
  moves: Moves,
  { leaseMs, stallTimeoutMs, maxStalls }: RecovererOptions,
): Recoverer {
  return {
    async recover() {
      const isLost = ({ claimedAt = 0, renewedAt = 0 }: HeldTask) =>
        renewedAt <= now() - leaseMs || claimedAt <= now() - stallTimeoutMs;
      const lost = [...tasks.values()].filter(statusIs('processing')).filter(isLost);
      for (const held of lost) {
        const outcome = moves.takeBack(held, maxStalls);
        moves.tellToStop(held.task.id);
        const { id: taskId, priority } = held.task;
        events.emit('lease:lapsed', { taskId, priority, outcome });
      }
      await journal.written();
      return lost.length;
    },
  };
}

export function createPromoter({ tasks, now, events, journal }: InProcessContext, moves: Moves): Promoter {
  return {
    async promote() {
      const isDue = (held: HeldTask) =>
        statusIs('pending')(held) && !isWaiting(held) && (held.task.retryAt ?? 0) <= now();
      const due = [...tasks.values()].filter(isDue);
      for (const held of due) {
        change(held, { retryAt: undefined });
        moves.joinQueue(held);
        events.emit('retry:promoted', { taskId: held.task.id });
      }
      await journal.written();
      return due.length;
    },
  };
}

export function createJanitor(
  context: InProcessContext,
  moves: Moves,
  { removeArtifacts = async () => {} }: JanitorOptions = {},
): Janitor {
  const { tasks, erased, removed, now, events, journal } = context;

  function expireOverdue(): number {
    const isOverdue = ({ task }: HeldTask) => !isTerminal(task.status) && task.expiresAt <= now();
    const overdue = [...tasks.values()].filter(isOverdue);
    for (const held of overdue) moves.expire(held);
    return overdue.length;
  }

  /** Finished tasks that are past their time, or too many: of those, the ones that ended first. */
  function removable(): string[] {
    const finished = [...tasks.values()]
      .filter(({ task }) => isTerminal(task.status))
      .sort((a, b) => (a.task.finishedAt ?? 0) - (b.task.finishedAt ?? 0));
    const tooMany = finished.slice(0, Math.max(0, finished.length - context.keptFinished));
    const due = finished.filter(({ task }) => task.expiresAt <= now());
    return [...new Set([...due, ...tooMany])]
      .filter(({ removalDueAt = 0 }) => removalDueAt <= now())
      .map(({ task }) => task.id);
  }

  /** The record goes after the artifacts, so that a crash in between leaves none behind. */
  async function removeWhole(id: string): Promise<number> {
    try {
      await removeArtifacts(id);
    } catch (reason) {
      const error = toServiceError(reason, 'storage_failed');
      events.emit('duty:failed', { duty: `remove the artifacts of task ${id}`, error });
      postpone(id);
      return 0;
    }
    // An operator may have requeued it meanwhile.
    const held = tasks.get(id);
    if (held !== undefined && !isTerminal(held.task.status)) return 0;
    erased.delete(id);
    moves.remove(id);
    events.emit('task:removed', { taskId: id });
    return 1;
  }

  function postpone(id: string): void {
    const held = tasks.get(id);
    if (held !== undefined) held.removalDueAt = now() + retryRemovalMs;
    else erased.set(id, now() + retryRemovalMs);
  }

  return {
    async clean(signal) {
      const expired = expireOverdue();
      const due = [...erased].filter(([, dueAt]) => dueAt <= now()).map(([id]) => id);
      let count = 0;
      for (const id of [...due, ...removable()]) if (!signal?.aborted) count += await removeWhole(id);
      for (const [id, at] of removed) if (at < now() - dayMs) removed.delete(id);
      context.outbox.forgetBefore(now() - outboxLastsMs);
      await journal.written();
      context.cleanedAt = now();
      return { expired, removed: count };
    },
  };
}

export interface Duties {
  recoverer: Recoverer;
  promoter: Promoter;
  janitor: Janitor;
}

/** Runs the duties on their interval; each also stores what could not be stored when it happened. */
export function startUpkeep(
  { events }: InProcessContext,
  { recoverer, promoter, janitor }: Duties,
  { intervalMs = 5_000 }: MaintenanceOptions,
): Loop {
  const report = (duty: string) => (error: unknown) =>
    void events.emit('duty:failed', { duty, error: toServiceError(error) });
  return every({
    intervalMs,
    async run(signal) {
      await recoverer.recover(signal).catch(report('recover lost tasks'));
      await promoter.promote(signal).catch(report('promote due retries'));
      await janitor.clean(signal).catch(report('clean up'));
    },
    onError: report('maintenance'),
  });
}

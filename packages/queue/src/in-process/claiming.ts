import { randomBytes } from 'node:crypto';
import type { Priority } from '@musicgen/contract';
import { aloneAfterStalls, type HeldClaims } from '../held-claims.ts';
import { levelOf } from '../priority-level.ts';
import type { Claim } from '../task-queue.ts';
import { change, type HeldTask, type InProcessContext, waitingByPriority } from './context.ts';
import type { Moves } from './moves.ts';

export interface ClaimingOptions {
  workerId: string;
  /** Best first. */
  priorities: readonly Priority[];
  ageingMs: number;
  held: HeldClaims;
}

/** What a worker takes next. */
export interface Claiming {
  takeUpTo(limit: number): Claim[];
  /** Whether the best task must be alone on a worker, and this one holds others. */
  isHeldBack(): boolean;
  /** Wakes one worker for each of the queues in which tasks wait. */
  wakeOthers(): void;
  /** Whether anything waits that may be claimed. */
  isAnythingWaiting(): boolean;
}

export function createClaiming(context: InProcessContext, moves: Moves, options: ClaimingOptions): Claiming {
  const { paused, now, log, outbox, tallies, journal, events } = context;
  const { workerId, priorities, ageingMs, held } = options;
  let heldBack = false;

  /** The first task of every queue that may be claimed from, the best queue first. */
  function heads(): HeldTask[] {
    return [...waitingByPriority(context)]
      .filter(([priority]) => priorities.includes(priority) && !paused.has(priority))
      .flatMap(([, [head]]) => (head === undefined ? [] : [head]));
  }

  /** A queue whose oldest task has waited n ageing periods counts n levels higher. */
  function level({ task, queuedAt = 0 }: HeldTask): number {
    const lift = ageingMs > 0 ? Math.floor((now() - Math.floor(queuedAt)) / ageingMs) : 0;
    return levelOf(task.priority) + lift;
  }

  /** The task to take next; of equal levels, that of the better priority. Those whose time is over go on the way. */
  function best(): HeldTask | undefined {
    const next = heads().sort((a, b) => level(b) - level(a))[0];
    if (next === undefined || next.task.expiresAt > now()) return next;
    moves.expire(next);
    const { id: taskId, priority } = next.task;
    events.emit('entry:discarded', { priority, taskId, reason: 'expired' });
    return best();
  }

  function take(one: HeldTask): Claim {
    const isFirst = one.task.startedAt === undefined;
    const token = randomBytes(12).toString('base64url');
    Object.assign(one, { token, claimedAt: now(), renewedAt: now() });
    change(one, {
      status: 'processing',
      attempt: one.task.attempt + 1,
      worker: workerId,
      updatedAt: now(),
      startedAt: one.task.startedAt ?? now(),
      ...(!isFirst && { error: undefined, progress: undefined }),
    });
    log.append(one.task, 'claimed');
    if (isFirst) {
      outbox.tell(one, 'processing');
      tallies.addDuration(now(), `claimed:${one.task.priority}`, now() - one.task.createdAt);
    }
    journal.mark(one.task.id);
    const { task, checkpoint } = one;
    return { task, token, ...(checkpoint !== undefined && { checkpoint }) };
  }

  /** Whoever was woken for it cannot take it: another may. */
  function holdBack(one: HeldTask): void {
    heldBack = true;
    moves.announce(one);
  }

  return {
    takeUpTo(limit) {
      const claims: Claim[] = [];
      heldBack = false;
      while (claims.length < limit) {
        const next = best();
        if (next === undefined) break;
        const alone = next.task.stalls >= aloneAfterStalls;
        if (alone && held.count() + claims.length > 0) {
          holdBack(next);
          break;
        }
        claims.push(take(next));
        if (alone) break;
      }
      return claims;
    },
    isHeldBack: () => heldBack,
    wakeOthers() {
      for (const head of heads()) moves.announce(head);
    },
    isAnythingWaiting: () => heads().length > 0,
  };
}

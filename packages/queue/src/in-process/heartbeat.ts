import type { HeldClaims } from '../held-claims.ts';
import type { Heartbeat, HeartbeatAnswer } from '../task-queue.ts';
import { change, type HeldTask, type InProcessContext, waitingIn } from './context.ts';

/** An idle worker would have claimed a task by then. */
const nobodyIsIdleMs = 200;
/** How long one worker is trusted to make way for a task before another is asked. */
const wayLastsMs = 5_000;

export interface HeartbeatOptions {
  held: HeldClaims;
  takesCritical: boolean;
}

/** Renews leases and takes reports; see `TaskConsumer.heartbeat`. */
export function createHeartbeat(context: InProcessContext, { held, takesCritical }: HeartbeatOptions) {
  const { tasks, paused, now, log, journal } = context;

  function report(one: HeldTask, { stage, progress, checkpoint }: Heartbeat): void {
    if (checkpoint !== undefined) {
      one.checkpoint = checkpoint;
      journal.mark(one.task.id);
    }
    if (stage === undefined && progress === undefined) return;
    const reported = {
      ...(stage !== undefined && { stage }),
      ...(progress !== undefined && { progress: reportedProgress(progress) }),
    };
    change(one, { ...reported, updatedAt: now() });
    log.append(one.task, 'progress', reported);
  }

  /** Whether a CRITICAL task waits that nobody has claimed, and no worker was asked to make way for it yet. */
  function isToMakeWay(): boolean {
    if (paused.has('CRITICAL')) return false;
    const first = waitingIn(context, 'CRITICAL').find(
      ({ queuedAt = 0, wayAskedAt = 0 }) =>
        queuedAt <= now() - nobodyIsIdleMs && wayAskedAt < now() - wayLastsMs,
    );
    if (first !== undefined) first.wayAskedAt = now();
    return first !== undefined;
  }

  return async (beats: readonly Heartbeat[], slots: 'free' | 'full' = 'free') => {
    let youngest: { at: number; createdAt: number } | undefined;
    const answers = beats.map((beat, at): HeartbeatAnswer => {
      const one = tasks.get(beat.claim.task.id);
      if (one === undefined || one.task.status !== 'processing' || one.token !== beat.claim.token) {
        held.release(beat.claim);
        return 'lost';
      }
      one.renewedAt = now();
      report(one, beat);
      if (one.task.cancelRequested) return 'cancel';
      const { priority, createdAt } = one.task;
      if (priority === 'LOW' && createdAt >= (youngest?.createdAt ?? 0)) youngest = { at, createdAt };
      return 'ok';
    });
    if (slots === 'full' && takesCritical && youngest !== undefined && isToMakeWay()) {
      answers[youngest.at] = 'yield';
    }
    // A checkpoint that is not stored costs time after a crash, and nothing else.
    if (beats.some(({ checkpoint }) => checkpoint !== undefined)) void journal.written().catch(() => {});
    return answers;
  };
}

function reportedProgress({ frame, frames, remainingMs }: NonNullable<Heartbeat['progress']>) {
  return { frame, frames, ...(remainingMs !== undefined && { remainingMs: Math.round(remainingMs) }) };
}

import { priorityNames } from '@musicgen/contract';
import { mostAtOnce } from '../admission.ts';
import { createHeldClaims } from '../held-claims.ts';
import type { Claim, ConsumerOptions, TaskConsumer } from '../task-queue.ts';
import { createClaiming } from './claiming.ts';
import type { InProcessContext } from './context.ts';
import { createEndings } from './endings.ts';
import { createHeartbeat } from './heartbeat.ts';
import type { Moves } from './moves.ts';

export function createConsumer(
  context: InProcessContext,
  moves: Moves,
  options: Omit<ConsumerOptions, 'renewEveryMs'>,
): TaskConsumer {
  const { now, bell, journal, stopListeners, workers } = context;
  const { workerId, ageingMs, retry } = options;
  const priorities = priorityNames.filter((priority) => options.priorities.includes(priority));
  const held = createHeldClaims(0);
  const claiming = createClaiming(context, moves, { workerId, priorities, ageingMs, held });
  const endings = createEndings(context, moves, { held, retry });
  const heartbeat = createHeartbeat(context, { held, takesCritical: priorities.includes('CRITICAL') });
  const listeners = new Set<(taskId: string) => void>();

  async function claimUpTo(limit: number): Promise<Claim[]> {
    touch();
    if (held.isTaken()) return [];
    const claims = claiming.takeUpTo(Math.min(limit, mostAtOnce));
    for (const claim of claims) held.add(claim);
    try {
      // Before any work is done: a task that takes the process down must be found to have been claimed.
      if (claims.length > 0) await journal.written();
    } catch (error) {
      for (const claim of claims) await endings.handBack(claim);
      throw error;
    }
    return claims;
  }

  /** Whatever shows that the worker's loop turns. */
  function touch(): void {
    const known = workers.get(workerId);
    if (known !== undefined) known.seenAt = now();
  }

  return {
    ...endings,
    claimUpTo,

    async claim() {
      const [claim] = await claimUpTo(1);
      return claim;
    },

    async waitForTask(timeoutMs, signal) {
      if (signal.aborted || timeoutMs < 1) return;
      // No bell can help before something has ended here.
      if (held.isTaken() || (claiming.isHeldBack() && held.count() > 0)) {
        return held.untilReleased(timeoutMs, signal);
      }
      if (claiming.isAnythingWaiting()) return;
      await bell.wait(priorities, timeoutMs, signal);
      // A worker that stops may just have been woken for a task; another must take that.
      if (signal.aborted) claiming.wakeOthers();
    },

    async heartbeat(beats, slots) {
      touch();
      return heartbeat(beats, slots);
    },

    onCancelRequested(listener) {
      listeners.add(listener);
      stopListeners.add(listener);
      return () => {
        listeners.delete(listener);
        stopListeners.delete(listener);
      };
    },

    async describe(description) {
      workers.set(workerId, { seenAt: now(), description });
    },

    // The worker is a part of its process and ends with it.
    onDrainRequested: () => () => {},

    async close() {
      for (const listener of listeners) stopListeners.delete(listener);
      workers.delete(workerId);
    },
  };
}

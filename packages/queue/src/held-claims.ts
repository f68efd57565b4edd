import { setTimeout as delay } from 'node:timers/promises';
import type { Claim } from './task-queue.ts';

/**
 * A task that has lost so many workers is worked on with nothing beside it from then on. If it is what kills them, it
 * takes no other task with it any more; if another was, it is done by itself long before its stalls make it a dead letter.
 */
export const aloneAfterStalls = 2;

/** The claims of one worker that have not ended, as far as its process knows. */
export interface HeldClaims {
  count(): number;
  /** Whether it holds a task that nothing may share a worker with. */
  isTaken(): boolean;
  add(claim: Claim): void;
  /** The attempt is over, or another worker's. */
  release(claim: Claim): void;
  /** Whether the lease was last renewed so long ago that it is time; always for a claim that is not held here. */
  isRenewalDue(claim: Claim): boolean;
  renewed(claim: Claim): void;
  /** Resolves when a claim is released, after `timeoutMs`, or when the signal aborts. */
  untilReleased(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

export function createHeldClaims(renewEveryMs: number): HeldClaims {
  /** By token: when the lease was renewed, on the clock of `performance.now`. */
  const renewals = new Map<string, number>();
  const loners = new Set<string>();
  /** Only while somebody waits: making one takes as long as a whole claim. */
  let released: AbortController | undefined;

  return {
    count: () => renewals.size,
    isTaken: () => loners.size > 0,
    add({ task, token }) {
      renewals.set(token, performance.now());
      if (task.stalls >= aloneAfterStalls) loners.add(token);
    },
    release({ token }) {
      renewals.delete(token);
      loners.delete(token);
      released?.abort();
      released = undefined;
    },
    isRenewalDue({ token }) {
      const renewedAt = renewals.get(token);
      return renewedAt === undefined || performance.now() - renewedAt >= renewEveryMs;
    },
    renewed({ token }) {
      if (renewals.has(token)) renewals.set(token, performance.now());
    },
    async untilReleased(timeoutMs, signal) {
      released ??= new AbortController();
      const either = AbortSignal.any([signal, released.signal]);
      await delay(timeoutMs, undefined, { signal: either }).catch(() => {});
    },
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import { type ServiceError, toServiceError } from '@musicgen/contract';

export interface KeepTryingOptions<Value> {
  attempt: () => Promise<Value>;
  /** Told of every failure and of the pause before the next attempt. */
  onFailure: (error: ServiceError, pauseMs: number) => void;
  signal: AbortSignal;
  firstPauseMs?: number;
  longestPauseMs?: number;
}

/**
 * Attempts something that a process cannot do without until it succeeds, with pauses that double. For what is outside
 * this process and may come back: ending the process instead would only make its supervisor start it in a loop.
 * @returns undefined once the signal has aborted.
 */
export async function keepTrying<Value>(options: KeepTryingOptions<Value>): Promise<Value | undefined> {
  const { attempt, onFailure, signal, firstPauseMs = 500, longestPauseMs = 15_000 } = options;
  for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    try {
      return await attempt();
    } catch (thrown) {
      onFailure(toServiceError(thrown), pauseMs);
      await delay(pauseMs, undefined, { signal }).catch(() => {});
    }
  }
  return undefined;
}

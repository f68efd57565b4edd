import { setTimeout as delay } from 'node:timers/promises';
import { toServiceError } from '@musicgen/contract';
import type { Logger } from './logger.ts';

export interface KeepTryingOptions<Value> {
  attempt: () => Promise<Value>;
  /** The log's words for a failed attempt: `the queue cannot be set up yet`. */
  failure: string;
  logger: Pick<Logger, 'warn'>;
  /** Told of every failure, in a sentence for probes. */
  onFailure: (problem: string) => void;
  signal: AbortSignal;
  firstPauseMs?: number;
  longestPauseMs?: number;
}

/**
 * Attempts something that a process cannot do without until it succeeds, with pauses that double. For what is outside
 * this process and may come back: ending the process instead would only make its supervisor start it in a loop.
 * @throws ServiceError `dependency_unsupported` at once: no further attempt cures that.
 * @returns undefined once the signal has aborted.
 */
export async function keepTrying<Value>(options: KeepTryingOptions<Value>): Promise<Value | undefined> {
  const {
    attempt,
    failure,
    logger,
    onFailure,
    signal,
    firstPauseMs = 500,
    longestPauseMs = 15_000,
  } = options;
  for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    try {
      return await attempt();
    } catch (thrown) {
      const { code, message } = toServiceError(thrown);
      if (code === 'dependency_unsupported') throw thrown;
      logger.warn(failure, { reason: code, detail: message, retry_in_ms: pauseMs });
      onFailure(message);
      await delay(pauseMs, undefined, { signal }).catch(() => {});
    }
  }
  return undefined;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError } from '@musicgen/contract';

/** How long a download goes on trying. */
export interface Patience {
  /** Attempts in a row that bring nothing, before it gives up. */
  attempts: number;
  /** Before the second attempt; doubled each time, with jitter. */
  firstDelayMs: number;
  /** Also the longest wait that a server may ask for. */
  longestDelayMs: number;
  /** A connection that brings no byte for so long counts as broken. */
  idleMs: number;
}

export const defaultPatience: Patience = {
  attempts: 6,
  firstDelayMs: 1000,
  longestDelayMs: 60_000,
  idleMs: 60_000,
};

/** What one attempt came to. An interruption says in half a sentence what happened: `the connection broke off`. */
export type Outcome<Value> = { value: Value } | Interruption;

export interface Interruption {
  interrupted: string;
  /** How long the server asked to wait. */
  retryAfterMs?: number;
  /** Something was gained that the next attempt builds on, so it does not count against the patience. */
  progressed?: boolean;
}

/**
 * Repeats an attempt until it brings a value.
 * @throws ServiceError `download_failed` when the patience is used up; whatever the attempt throws; the signal's reason
 */
export async function tryPatiently<Value>(
  attempt: () => Promise<Outcome<Value>>,
  { patience, signal, what }: { patience: Patience; signal: AbortSignal | undefined; what: string },
): Promise<Value> {
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    const outcome = await attempt();
    if ('value' in outcome) return outcome.value;
    signal?.throwIfAborted();
    failures = outcome.progressed ? 1 : failures + 1;
    if (failures >= patience.attempts) {
      throw new ServiceError(
        'download_failed',
        `${what} could not be downloaded after ${failures} attempts: ${outcome.interrupted}`,
      );
    }
    const backoffMs = patience.firstDelayMs * 2 ** (failures - 1) * (0.5 + Math.random() / 2);
    const delayMs = Math.min(outcome.retryAfterMs ?? backoffMs, patience.longestDelayMs);
    await sleep(delayMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

/** `Retry-After` in milliseconds: seconds, or an HTTP date. */
export function parseRetryAfter(value: string | null, now = Date.now()): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

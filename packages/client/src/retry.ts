import type { ErrorCode } from '@musicgen/contract';
import type { ApiError } from './api-error.ts';

/** A request that will be sent again. */
export interface Retry {
  reason: ApiError;
  /** 1 after the first. */
  attempt: number;
  delayMs: number;
}

/** Whoever is asked to wait longer than this is told instead. */
const longestPatienceMs = 60_000;
const firstDelayMs = 250;
const longestDelayMs = 8_000;

/** What the service refuses before it does anything, and takes later. */
const refusedForNow: ReadonlySet<ErrorCode> = new Set([
  'rate_limited',
  'concurrency_limit',
  'quota_exceeded',
  'queue_full',
  'redis_full',
  'overloaded',
  'draining',
]);

/** What may have been done although it failed. */
const uncertain: ReadonlySet<ErrorCode> = new Set([
  'unreachable',
  'dependency_unavailable',
  'request_timeout',
]);

/** Whether the same request may go better, and sending it twice is no harm. */
export function isRepeatable({ code }: ApiError, mayBeDoneTwice: boolean): boolean {
  return refusedForNow.has(code) || (mayBeDoneTwice && uncertain.has(code));
}

/**
 * Milliseconds until the next attempt: what the service asks for, else doubling with full jitter, so that clients who were
 * cut off together do not come back together; undefined when that is too long to wait.
 */
export function patienceFor({ retryAfterSeconds }: ApiError, attempt: number): number | undefined {
  if (retryAfterSeconds === undefined)
    return Math.random() * Math.min(longestDelayMs, firstDelayMs * 2 ** attempt);
  const delayMs = retryAfterSeconds * 1000;
  return delayMs > longestPatienceMs ? undefined : delayMs;
}

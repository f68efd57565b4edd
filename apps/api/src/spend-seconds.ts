import type { DailyQuota } from '@musicgen/access';
import type { RequestCaller } from './caller.ts';
import { RetryLater } from './retry-later.ts';

export interface SpendOptions<Value> {
  quota: DailyQuota;
  caller: RequestCaller;
  /** Seconds of music a day for callers whose key says nothing else; 0: no limit. */
  secondsPerDay: number;
  /** What is asked for: all pieces of a batch and all variations together. */
  seconds: number;
  /** Submits it. */
  admit: () => Promise<Value>;
  /** Whether what was admitted was there before, by its idempotency key: then it is not paid for twice. */
  isReplay?: (value: Value) => boolean;
}

/**
 * Admits what is paid for with seconds of the caller's day: they are reserved before, all or none, and given back when
 * nothing came of it.
 * @throws RetryLater `quota_exceeded` until midnight UTC, and whatever `admit` throws.
 */
export async function spendSeconds<Value>(options: SpendOptions<Value>): Promise<Value> {
  const { quota, caller, seconds, admit, isReplay = () => false } = options;
  const limit = caller.limits.secondsPerDay ?? options.secondsPerDay;
  if (limit === 0) return admit();
  const reserved = await quota.reserve({ owner: caller.countedAs, seconds, limit });
  if ('retryAfterSeconds' in reserved) {
    const { remaining, retryAfterSeconds } = reserved;
    const detail = `This takes ${seconds} s of music; ${remaining} of ${limit} s are left today (UTC).`;
    throw new RetryLater('quota_exceeded', detail, { retryAfterSeconds });
  }
  try {
    const value = await admit();
    if (isReplay(value)) await reserved.release();
    return value;
  } catch (error) {
    // What could not be given back is lost to the caller's day; the reason for the refusal matters more.
    await reserved.release().catch(() => {});
    throw error;
  }
}

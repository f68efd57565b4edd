import { type RateLimiter, rateWindowSeconds } from '@musicgen/access';
import type { RequestHandler, Response } from 'express';
import { callerOf, type RequestCaller } from '../caller.ts';
import type { ApiMetrics } from '../metrics.ts';
import { RetryLater } from '../retry-later.ts';

export interface RateLimitOptions {
  limiter: RateLimiter;
  /** For callers whose key says nothing else; 0: no limit. */
  requestsPerMinute: number;
  metrics: Pick<ApiMetrics, 'rateCountedAlone'>;
}

/**
 * Counts a caller's requests, and says how many are left in the fields of
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
export function rateLimit({ limiter, requestsPerMinute, metrics }: RateLimitOptions): RequestHandler {
  async function count(res: Response, { countedAs }: RequestCaller, limit: number): Promise<void> {
    const { isAllowed, isLocal, remaining, resetSeconds } = await limiter.take(countedAs, limit);
    if (isLocal) metrics.rateCountedAlone();
    res.set({
      'RateLimit-Policy': `"requests";q=${limit};w=${rateWindowSeconds}`,
      RateLimit: `"requests";r=${remaining};t=${resetSeconds}`,
    });
    if (isAllowed) return;
    throw new RetryLater('rate_limited', `At most ${limit} requests a minute are allowed.`, {
      retryAfterSeconds: resetSeconds,
    });
  }

  return (_req, res, next) => {
    const caller = callerOf(res);
    const limit = caller.limits.requestsPerMinute ?? requestsPerMinute;
    return limit === 0 ? next() : count(res, caller, limit).then(() => next());
  };
}

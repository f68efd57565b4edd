import { type RateLimiter, rateWindowSeconds } from '@musicgen/access';
import type { RequestHandler } from 'express';
import { callerOf } from '../caller.ts';
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
  return async (_req, res, next) => {
    const { countedAs, limits } = callerOf(res);
    const limit = limits.requestsPerMinute ?? requestsPerMinute;
    if (limit === 0) return next();
    const { isAllowed, isLocal, remaining, resetSeconds } = await limiter.take(countedAs, limit);
    if (isLocal) metrics.rateCountedAlone();
    res.set({
      'RateLimit-Policy': `"requests";q=${limit};w=${rateWindowSeconds}`,
      RateLimit: `"requests";r=${remaining};t=${resetSeconds}`,
    });
    if (isAllowed) return next();
    throw new RetryLater('rate_limited', `At most ${limit} requests a minute are allowed.`, {
      retryAfterSeconds: resetSeconds,
    });
  };
}

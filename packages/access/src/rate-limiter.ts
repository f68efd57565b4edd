import type { Cluster, Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** What one request leaves of a caller's limit. */
export interface RateAnswer {
  isAllowed: boolean;
  limit: number;
  remaining: number;
  /** Whole seconds until the window ends and everything may be used again, at least 1. */
  resetSeconds: number;
  /** Who counted: this process alone, because Redis does not answer. */
  isLocal: boolean;
}

export interface RateLimiter {
  /** Counts one request of a caller against so many a minute; one round trip to Redis. Never throws. */
  take(owner: string, limit: number): Promise<RateAnswer>;
}

/** The window of every rate limit. */
export const rateWindowSeconds = 60;

/** The same windows, counted by the one process that there is. */
export function createMemoryRateLimiter(): RateLimiter {
  const limiters = new Map<number, RateLimiterMemory>();
  return {
    async take(owner, limit) {
      const limiter = cached(limiters, limit, () => localLimiter(limit));
      const counted = await consume(limiter, owner);
      return { ...(counted ?? uncounted), limit, isLocal: false };
    },
  };
}

export interface RateLimiterOptions {
  redis: Redis | Cluster;
  prefix: string;
}

/**
 * Fixed windows of a minute that begin with a caller's first request, counted in Redis for all processes together. While
 * Redis does not answer each process counts for itself: reading goes on, bounded, and submitting fails anyway.
 */
export function createRateLimiter({ redis, prefix }: RateLimiterOptions): RateLimiter {
  const options = { keyPrefix: `${prefix}:rate`, duration: rateWindowSeconds };
  const shared = new Map<number, RateLimiterRedis>();
  const local = new Map<number, RateLimiterMemory>();

  return {
    async take(owner, limit) {
      const fromRedis = cached(shared, limit, () => {
        return new RateLimiterRedis({
          ...options,
          storeClient: redis,
          points: limit,
          rejectIfRedisNotReady: true,
        });
      });
      const answer = await consume(fromRedis, owner);
      if (answer !== undefined) return { ...answer, limit, isLocal: false };
      const fromMemory = cached(local, limit, () => localLimiter(limit));
      const counted = await consume(fromMemory, owner);
      return { ...(counted ?? uncounted), limit, isLocal: true };
    },
  };
}

const uncounted = { isAllowed: true, remaining: 0, resetSeconds: 1 };

function localLimiter(points: number): RateLimiterMemory {
  return new RateLimiterMemory({ duration: rateWindowSeconds, points });
}

function cached<Value>(values: Map<number, Value>, limit: number, create: () => Value): Value {
  const known = values.get(limit) ?? create();
  values.set(limit, known);
  return known;
}

/** The library answers a refusal by throwing what it also returns; a real error gives nothing here. */
async function consume(limiter: RateLimiterRedis | RateLimiterMemory, owner: string) {
  const outcome: unknown = await limiter.consume(owner).catch((thrown: unknown) => thrown);
  if (!(outcome instanceof RateLimiterRes)) return undefined;
  return {
    isAllowed: outcome.consumedPoints <= limiter.points,
    remaining: outcome.remainingPoints,
    resetSeconds: Math.max(1, Math.ceil(outcome.msBeforeNext / 1000)),
  };
}

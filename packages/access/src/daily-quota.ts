import { redisFailure, ServiceError } from '@musicgen/contract';
import type { Cluster, Redis } from 'ioredis';

/** Seconds of music that are counted against a day and can be given back. */
export interface Reservation {
  /** Seconds left today. */
  remaining: number;
  /** Gives the seconds back: nothing came of what they were reserved for. */
  release(): Promise<void>;
}

/** Seconds that are not available. */
export interface QuotaRefusal {
  /** Seconds left today: less than asked for. */
  remaining: number;
  /** Whole seconds to midnight UTC. */
  retryAfterSeconds: number;
}

export interface DailyQuota {
  /**
   * Reserves seconds of music of the present UTC day, all or none, in one step for all processes.
   * @throws ServiceError `dependency_unavailable`, `redis_full`.
   */
  reserve(request: { owner: string; seconds: number; limit: number }): Promise<Reservation | QuotaRefusal>;
}

export interface DailyQuotaOptions {
  redis: Redis | Cluster;
  prefix: string;
}

/**
 * KEYS[1] beginning of the caller's keys (the day is the server's, so the script adds it)
 * ARGV   1 milliseconds of music · 2 limit in the same
 * Returns {'reserved', day, used} or {'refused', used, seconds to midnight}
 */
const reserveScript = `
local seconds = tonumber(redis.call('TIME')[1])
local day = math.floor(seconds / 86400)
local key = KEYS[1] .. ':' .. day
local used = tonumber(redis.call('GET', key) or '0')
if used + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return { 'refused', used, 86400 - seconds % 86400 } end
used = redis.call('INCRBY', key, ARGV[1])
redis.call('EXPIRE', key, 172800)
return { 'reserved', day, used }
`;

export function createDailyQuota({ redis, prefix }: DailyQuotaOptions): DailyQuota {
  return {
    async reserve({ owner, seconds, limit }) {
      const key = `${prefix}:quota:${owner}`;
      const [musicMs, limitMs] = [Math.ceil(seconds * 1000), limit * 1000];
      const reply = await redis.eval(reserveScript, 1, key, musicMs, limitMs).catch(unavailable);
      const [outcome, first, second] = reply as ['reserved' | 'refused', number, number];
      if (outcome === 'refused') {
        return { remaining: Math.max(0, (limitMs - first) / 1000), retryAfterSeconds: second };
      }
      return {
        remaining: (limitMs - second) / 1000,
        async release() {
          await redis.decrby(`${key}:${first}`, musicMs).catch(unavailable);
        },
      };
    },
  };
}

const daySeconds = 86_400;

/** The same count in the one process that there is. `now` in Unix milliseconds. */
export function createMemoryDailyQuota(now: () => number = Date.now): DailyQuota {
  /** Milliseconds of music by owner, of one day. */
  let used = new Map<string, number>();
  let day = 0;
  return {
    async reserve({ owner, seconds, limit }) {
      const time = Math.floor(now() / 1000);
      if (Math.floor(time / daySeconds) !== day) used = new Map();
      day = Math.floor(time / daySeconds);
      const counted = used;
      const [before, musicMs] = [counted.get(owner) ?? 0, Math.ceil(seconds * 1000)];
      const remainingMs = limit * 1000 - before;
      if (musicMs > remainingMs) {
        const retryAfterSeconds = daySeconds - (time % daySeconds);
        return { remaining: Math.max(0, remainingMs / 1000), retryAfterSeconds };
      }
      counted.set(owner, before + musicMs);
      return {
        remaining: (remainingMs - musicMs) / 1000,
        release: async () => void counted.set(owner, (counted.get(owner) ?? 0) - musicMs),
      };
    },
  };
}

function unavailable(error: unknown): never {
  const code = redisFailure(error);
  const meaning = code === 'redis_full' ? 'its memory is full' : 'it is away';
  throw new ServiceError(code, `Redis could not count the seconds of today: ${meaning}`, { cause: error });
}

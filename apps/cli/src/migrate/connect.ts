import { type ErrorCode, ServiceError, toServiceError } from '@musicgen/contract';
import type { RedisClient } from '@musicgen/queue';
import { openRedis, parseRedisUrl } from '@musicgen/service';

export interface ConnectOptions {
  /** `source` or `target`. */
  role: string;
  url: string;
  /** The address without its secrets. */
  shown: string;
  prefix: string;
}

/** Tries before a broken connection counts as lost: some ten seconds. */
const reconnects = 10;

/**
 * A connection that is known to work.
 * @throws ServiceError `unreachable`, `unauthorized`, `forbidden`, `dependency_unsupported`, naming the place.
 */
export async function connect({ role, url, shown, prefix }: ConnectOptions): Promise<RedisClient> {
  let isOpen = false;
  let lastError: unknown;
  const redis = openRedis(
    { REDIS_URL: url, TASK_KEY_PREFIX: prefix },
    {
      connectionName: 'musicgen-migrate',
      lazyConnect: true,
      connectTimeout: 5_000,
      maxRetriesPerRequest: reconnects,
      retryStrategy: (times) => (isOpen && times <= reconnects ? Math.min(2_000, times * 200) : null),
    },
  );
  redis.on('error', (error: unknown) => {
    lastError = error;
  });
  try {
    await redis.connect();
    await redis.ping();
    // Where there is no such database, ioredis goes on in database 0 without a word.
    const { kind, database = 0 } = parseRedisUrl(url) ?? {};
    if (kind !== 'cluster') await redis.select(database);
    isOpen = true;
    return redis;
  } catch (error) {
    redis.disconnect();
    throw refusal(`The ${role} ${shown}`, lastError ?? error);
  }
}

const refusals: [said: RegExp, code: ErrorCode, meaning: string][] = [
  [
    /NOAUTH|WRONGPASS|invalid password|without any password/i,
    'unauthorized',
    'does not accept the user or password',
  ],
  [/NOPERM/, 'forbidden', 'does not allow this user to look at it'],
  [/DB index is out of range|invalid DB index/i, 'invalid_request', 'has no database of this number'],
];

function refusal(place: string, error: unknown): ServiceError {
  const { message } = toServiceError(error);
  const [, code, meaning] = refusals.find(([said]) => said.test(message)) ?? [];
  if (code !== undefined) return new ServiceError(code, `${place} ${meaning}`, { cause: error });
  return new ServiceError('unreachable', `${place} cannot be reached: ${message}`, { cause: error });
}

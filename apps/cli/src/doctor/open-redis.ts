import { setTimeout as delay } from 'node:timers/promises';
import { failFastRedisOptions, type RedisClient } from '@musicgen/queue';
import { openRedis, parseRedisUrl, type RedisSettings } from '@musicgen/service';

/** What `REDIS_URL` names, or why it cannot be worked with. */
export interface RedisConnection {
  /** Hosts and ports, without the password. */
  address: string;
  /** Absent where no connection could be made. */
  redis?: RedisClient;
  problem?: string;
  close(): void;
}

const answerWithinMs = 8_000;

/** Tries once, for a few seconds. @throws ServiceError `dependency_unsupported` for a cluster without a hash tag */
export async function tryRedis(settings: RedisSettings): Promise<RedisConnection> {
  const redis = openRedis(settings, {
    ...failFastRedisOptions,
    connectionName: 'musicgen-doctor',
    lazyConnect: true,
    retryStrategy: null,
    connectTimeout: 5_000,
    // It would wait until a replica has caught up, however long; that it is one is what there is to say.
    enableReadyCheck: false,
  });
  let problem: string | undefined;
  // What connecting throws only says that the connection was closed.
  redis.on('error', (error: Error) => {
    problem ??= error.message;
  });
  const address = addressOf(settings.REDIS_URL);
  const close = () => redis.disconnect();
  try {
    await Promise.race([redis.connect().then(() => redis.ping()), refuseLateAnswer()]);
    return { address, redis, close };
  } catch (error) {
    return { address, problem: sentence(problem ?? (error as Error).message), close };
  }
}

async function refuseLateAnswer(): Promise<never> {
  await delay(answerWithinMs, undefined, { ref: false });
  throw new Error(`no answer within ${answerWithinMs / 1000} s`);
}

/** Redis ends some of its messages with a full stop. */
function sentence(message: string): string {
  return message.replace(/\.?$/, '.');
}

function addressOf(url: string): string {
  return (parseRedisUrl(url)?.hosts ?? []).map(({ host, port }) => `${host}:${port}`).join(', ');
}

import type { Cluster, Redis, RedisOptions } from 'ioredis';

/** One server (or Sentinel group) or a cluster; the queue issues the same commands to both. */
export type RedisClient = Redis | Cluster;

/** A socket that owes an answer for longer than this is dead, even if nobody has closed it. */
const socketTimeoutMs = 10_000;

/**
 * For the command connection of a process that answers people: a command fails at once while Redis is away instead
 * of waiting in memory, so that the caller gets a 503.
 */
export const failFastRedisOptions = {
  reconnectOnError: (error) => isReadOnly(error),
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  // Requests that are served in the same turn share one write to the socket; each command still fails alone.
  enableAutoPipelining: true,
  commandTimeout: 2_000,
  socketTimeout: socketTimeoutMs,
} satisfies RedisOptions;

/**
 * For the command connection of a worker: a command waits until Redis is back, however long that takes. Transitions
 * carry a token, so that one which is sent again (the 2 below means that) does no harm.
 */
export const patientRedisOptions = {
  reconnectOnError: (error) => isReadOnly(error) && 2,
  maxRetriesPerRequest: null,
  socketTimeout: socketTimeoutMs,
} satisfies RedisOptions;

/** What a former master says after a failover: the connection must be made anew, to find the present one. */
function isReadOnly(error: Error): boolean {
  return error.message.startsWith('READONLY');
}

/**
 * A further connection with the same options; it reconnects by itself. Its owner renews its subscriptions: where the
 * client does, and the connection is closed meanwhile, it leaves an error that nobody can catch. A cluster's catches it.
 */
export function subscriberDuplicate(redis: RedisClient): RedisClient {
  // It subscribes once it is connected, and so must connect by itself.
  const lazyConnect = false;
  if (isCluster(redis)) return redis.duplicate([], { lazyConnect });
  return redis.duplicate({ lazyConnect, autoResubscribe: false });
}

/**
 * A further connection that never reconnects: its owner replaces it. A client that reconnects by itself can be parked
 * between two states and look healthy while a blocking read never returns.
 */
export function disposableDuplicate(redis: RedisClient): RedisClient {
  const once = {
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: true,
    autoResendUnfulfilledCommands: false,
    commandTimeout: undefined,
    socketTimeout: undefined,
    connectTimeout: 5_000,
  } satisfies RedisOptions;
  if (!isCluster(redis)) return redis.duplicate(once);
  return redis.duplicate([], {
    clusterRetryStrategy: () => null,
    enableOfflineQueue: true,
    redisOptions: once,
  });
}

export function isCluster(redis: RedisClient): redis is Cluster {
  return redis.isCluster;
}

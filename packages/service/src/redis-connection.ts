import { ServiceError } from '@musicgen/contract';
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { parseRedisUrl, redisUrlForms } from './redis-url.ts';

export interface RedisSettings {
  REDIS_URL: string;
  TASK_KEY_PREFIX: string;
}

/**
 * Opens a connection to what `REDIS_URL` names: one server, the present master of a Sentinel group, or a cluster. It
 * reconnects by itself, as the options say; its owner closes it.
 * @throws ServiceError `dependency_unsupported` for a URL of another form, or a cluster with a prefix without a hash tag.
 */
export function openRedis(settings: RedisSettings, options: RedisOptions): Redis | Cluster {
  const address = parseRedisUrl(settings.REDIS_URL);
  if (address === undefined) throw unsupported(`REDIS_URL must be ${redisUrlForms}`);
  const { username, password, database, tls, hosts } = address;
  const login = { ...options, username, password, ...(tls && { tls: {} }) };
  switch (address.kind) {
    case 'server':
      return new Redis(settings.REDIS_URL, options);
    case 'sentinel':
      return new Redis({
        ...login,
        sentinels: hosts,
        name: address.group,
        db: database,
        sentinelUsername: address.sentinelUsername,
        sentinelPassword: address.sentinelPassword,
        enableTLSForSentinelMode: tls,
      });
    case 'cluster':
      checkHashTag(settings.TASK_KEY_PREFIX);
      return new Cluster(hosts, clusterOptions(login));
    default:
      return address.kind satisfies never;
  }
}

/** Whether a command waits for servers that are away is for the cluster to decide, the rest for each connection. */
function clusterOptions({ lazyConnect, enableOfflineQueue, ...redisOptions }: RedisOptions): ClusterOptions {
  return { lazyConnect, enableOfflineQueue, redisOptions };
}

/** On a cluster, a script reaches only keys of one slot. */
function checkHashTag(prefix: string): void {
  if (/\{[^{}]+\}/.test(prefix)) return;
  throw unsupported('TASK_KEY_PREFIX must hold a hash tag on Redis Cluster, such as {musicgen}');
}

function unsupported(detail: string): ServiceError {
  return new ServiceError('dependency_unsupported', detail);
}

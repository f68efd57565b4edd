import { ServiceError } from '@musicgen/contract';
import type { QueueContext } from './context.ts';
import { findOlderData } from './older-data.ts';
import { isCluster, type RedisClient } from './redis-client.ts';

/** The version of the layout under the prefix (`keys.ts`). */
const layoutVersion = '1';

/**
 * Refuses to work beside data of another layout under the same prefix, whose key names collide with ours. Where our own
 * mark is missing, nobody has looked yet: a new server, a queue from before there was a mark, or an older service.
 * Looking goes through the names of all keys, once.
 * @throws ServiceError `dependency_unsupported`.
 */
export async function checkLayout(
  { redis, keys }: Pick<QueueContext, 'redis' | 'keys'>,
  prefix: string,
): Promise<void> {
  const version = await redis.get(keys.schema);
  if (version === layoutVersion) return;
  if (version !== null) {
    throw new ServiceError(
      'dependency_unsupported',
      `Redis holds tasks under "${prefix}" in layout ${version}, written by a newer version of this service; this one knows layout ${layoutVersion}`,
    );
  }
  const found = await findOlderData(redis, prefix);
  if (found !== undefined)
    throw new ServiceError('dependency_unsupported', olderDataMessage(redis, prefix, found));
  await redis.set(keys.schema, layoutVersion, 'NX');
}

function olderDataMessage(redis: RedisClient, prefix: string, found: string): string {
  const place = placeOf(redis);
  return (
    `Redis holds tasks of another layout under "${prefix}" (the key "${found}"), from an older service or from the basic kind; ` +
    'nothing was changed. Move them over first: ' +
    `npm run migrate -- --source redis-advanced://${place} --target redis-advanced://${place} --verify (docs/migrating.md)`
  );
}

/** Host, port and database as they stand in a URL; never the password. */
function placeOf(redis: RedisClient): string {
  if (isCluster(redis)) return 'HOST:PORT';
  const { host = 'HOST', port = 6379, db = 0 } = redis.options;
  return `${host}:${port}${db === 0 ? '' : `/${db}`}`;
}

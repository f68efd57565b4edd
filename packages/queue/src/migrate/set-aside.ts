import { ServiceError } from '@musicgen/contract';
import { createKeys } from '../keys.ts';
import {
  createOlderKeys,
  findOlderData,
  formOf,
  isOlderStream,
  olderQueueNames,
  scanKeys,
} from '../streams/older-data.ts';
import type { RedisClient } from '../streams/redis-client.ts';
import type { RedisPlace } from './task-source.ts';

/** Where the tasks of an older service lie while ours works under the prefix that was theirs. */
export function asidePrefix(prefix: string): string {
  return `${prefix}:older`;
}

/** Whether there is something of an older service, or of our basic kind, to be migrated in place. */
export async function hasOlderData(redis: RedisClient, prefix: string): Promise<boolean> {
  for (const place of [prefix, asidePrefix(prefix)]) {
    if ((await findOlderData(redis, place)) !== undefined) return true;
  }
  return false;
}

/**
 * Renames every key of an older service under a prefix, so that ours can use the names. Values and times to live stay
 * as they are. Broken off and called again, it goes on.
 * @returns the keys that could not be renamed, because an earlier run has set one of the same name aside
 */
export async function setAside(redis: RedisClient, prefix: string): Promise<string[]> {
  return rename(redis, prefix, asidePrefix(prefix));
}

async function rename(redis: RedisClient, from: string, to: string): Promise<string[]> {
  const stuck: string[] = [];
  async function move(key: Buffer): Promise<void> {
    const target = Buffer.concat([Buffer.from(to), key.subarray(Buffer.byteLength(from))]);
    const moved = await redis.renamenx(key, target).catch((error: unknown) => {
      // Its time to live has ended.
      if (error instanceof Error && /no such key/.test(error.message)) return 1;
      throw error;
    });
    if (moved === 0) stuck.push(key.toString());
  }

  const older = createOlderKeys(from);
  if (await isOlderStream(redis, older.stream)) await move(Buffer.from(older.stream));
  for (const name of olderQueueNames) await move(Buffer.from(older.queue(name)));
  for await (const page of scanKeys(redis, createKeys(from).task('*'), 100)) {
    const forms = await Promise.all(page.map((key) => formOf(redis, key)));
    await Promise.all(
      page.filter((_, index) => forms[index] === 'older' || forms[index] === 'text').map(move),
    );
  }
  return stuck;
}

/**
 * Undoes a migration in place: removes everything that is under the prefix now, newer tasks too, and gives the keys that
 * were set aside their names back. Broken off and called again, it goes on.
 * @throws ServiceError `invalid_request` when nothing is set aside
 */
export async function rollBack({ redis, prefix }: RedisPlace): Promise<void> {
  const aside = asidePrefix(prefix);
  if ((await findOlderData(redis, aside)) === undefined) {
    throw new ServiceError('invalid_request', `Nothing of an older service is set aside under "${aside}"`);
  }
  const isAside = (key: Buffer) => key.subarray(0, aside.length + 1).toString() === `${aside}:`;
  // Once nothing of ours is left, no more is removed: what is there then has been put back already.
  if ((await redis.exists(createKeys(prefix).schema)) === 1) {
    for await (const page of scanKeys(redis, `${prefix}:*`, 1000)) {
      const ours = page.filter((key) => !isAside(key) && key.toString() !== createKeys(prefix).schema);
      await Promise.all(ours.map((key) => redis.unlink(key)));
    }
    await redis.unlink(createKeys(prefix).schema);
  }
  await rename(redis, aside, prefix);
}

import type { QueueContext } from './context.ts';

/** Ids of some tasks, and where the next page begins; absent after the last. */
export interface IdPage {
  ids: string[];
  next?: string;
}

type Context = Pick<QueueContext, 'redis' | 'keys'>;

/**
 * The ids of all tasks, in no order, about `limit` at a time: every task is noted by the minute of its expiry, and by the
 * moment once that minute has begun. One that exists throughout comes at least once, and some that are gone come too.
 * @throws RangeError for a cursor that no page has given.
 */
export async function pageOfIds(context: Context, cursor = '0', limit: number): Promise<IdPage> {
  if (!/^\d{1,20}$/.test(cursor)) throw new RangeError(`"${cursor}" is no cursor`);
  if (cursor.length === 20) return scanSoon(context, String(BigInt(cursor.slice(1))), limit);
  return readMinute(context, { minute: cursor.slice(0, -8) || '0', offset: Number(cursor.slice(-8)) }, limit);
}

/** A place in the list of a minute: the minute, then the offset in eight digits. */
function inMinute(minute: string, offset: number): string {
  return minute + String(offset).padStart(8, '0');
}

/** A place in the index of moments: Redis' own cursor, made 20 digits long to tell it apart. */
function inSoon(cursor: string): string {
  return `9${cursor.padStart(19, '0')}`;
}

/** Minutes go before the index of moments: an id moves from there to here, so none slips through. */
async function readMinute(
  { redis, keys }: Context,
  from: { minute: string; offset: number },
  limit: number,
): Promise<IdPage> {
  const [minute, following] = await redis.zrangebyscore(
    keys.expiringMinutes,
    from.minute,
    '+inf',
    'LIMIT',
    0,
    2,
  );
  if (minute === undefined) return { ids: [], next: inSoon('0') };
  const offset = minute === from.minute ? from.offset : 0;
  const ids = await redis.lrange(keys.expiring(Number(minute)), offset, offset + limit - 1);
  if (ids.length === limit) return { ids, next: inMinute(minute, offset + limit) };
  return { ids, next: following === undefined ? inSoon('0') : inMinute(following, 0) };
}

async function scanSoon({ redis, keys }: Context, cursor: string, limit: number): Promise<IdPage> {
  const [next, members] = await redis.zscan(keys.expiry, cursor, 'COUNT', limit);
  const ids = members.filter((_, index) => index % 2 === 0);
  return next === '0' ? { ids } : { ids, next: inSoon(next) };
}

/** When this share (0…1) of all tasks will have outlived their time, to the minute; undefined without any. */
export async function whenOutlived({ redis, keys }: Context, share: number): Promise<number | undefined> {
  const soon = await redis.zcard(keys.expiry);
  const minutes = (await redis.zrange(keys.expiringMinutes, '0', '-1')).map(Number);
  const counts = await Promise.all(minutes.map((minute) => redis.llen(keys.expiring(minute))));
  const total = counts.reduce((sum, count) => sum + count, soon);
  const rank = Math.max(0, Math.ceil(share * total) - 1);
  if (rank < soon) {
    const [, at] = await redis.zrange(keys.expiry, String(rank), String(rank), 'WITHSCORES');
    return at === undefined ? undefined : Number(at);
  }
  let before = soon;
  for (const [index, minute] of minutes.entries()) {
    before += counts[index] ?? 0;
    if (rank < before) return (minute + 1) * 60_000;
  }
  return undefined;
}

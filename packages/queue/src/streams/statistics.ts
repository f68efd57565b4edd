import type { QueueContext } from './context.ts';

/** What the scripts counted: a name such as `completed:HIGH`, `processed_ms` or `processed:31`, and how much. */
export type Tally = Map<string, number>;

const minuteMs = 60_000;
const hourMs = 3_600_000;
/** Buckets of a minute are kept for a day and an hour, those of an hour for eight days (`lifecycle.lua.ts`). */
const minutesKept = 24 * 60;
export const hoursKept = 7 * 24;
const pageLength = 500;

/**
 * Everything counted since `windowMs` ago, to the minute; to the hour for more than a day.
 * Reads one small hash a bucket, however many tasks there were.
 */
export async function tallyOfWindow(context: QueueContext, windowMs: number, now: number): Promise<Tally> {
  const { keys } = context;
  const byMinute = windowMs <= minutesKept * minuteMs;
  const bucketMs = byMinute ? minuteMs : hourMs;
  const key = byMinute ? keys.minute : keys.hour;
  const last = Math.floor(now / bucketMs);
  const count = Math.min(Math.ceil(windowMs / bucketMs), byMinute ? minutesKept : hoursKept);
  const names = Array.from({ length: count }, (_, index) => key(last - count + 1 + index));
  return sum(await readTallies(context, names));
}

/** What was counted in each of the last hours, the current one last; the hour as Unix milliseconds. */
export async function hourlyTallies(context: QueueContext, hours: number, now: number) {
  const current = Math.floor(now / hourMs);
  const starts = Array.from({ length: hours }, (_, index) => current - hours + 1 + index);
  const tallies = await readTallies(context, starts.map(context.keys.hour));
  return starts.map((hour, index) => ({ startsAt: hour * hourMs, tally: tallies[index] ?? new Map() }));
}

export async function readTallies({ redis }: QueueContext, names: readonly string[]): Promise<Tally[]> {
  const tallies: Tally[] = [];
  for (let from = 0; from < names.length; from += pageLength) {
    const page = names.slice(from, from + pageLength);
    const hashes = await Promise.all(page.map((name) => redis.hgetall(name)));
    for (const hash of hashes) {
      tallies.push(new Map(Object.entries(hash).map(([name, value]) => [name, Number(value)])));
    }
  }
  return tallies;
}

function sum(tallies: readonly Tally[]): Tally {
  const total: Tally = new Map();
  for (const tally of tallies) {
    for (const [name, value] of tally) total.set(name, (total.get(name) ?? 0) + value);
  }
  return total;
}

/** The sum of all counts of one kind: `completed` adds `completed:HIGH`, `completed:LOW` … */
export function countOf(tally: Tally, kind: string): number {
  let total = 0;
  for (const [name, value] of tally) if (name === kind || name.startsWith(`${kind}:`)) total += value;
  return total;
}

/** The mean of an observed duration in milliseconds, or nothing when none was observed. */
export function meanMs(tally: Tally, duration: string): number | undefined {
  const count = countOf(tally, duration);
  return count === 0 ? undefined : (tally.get(`${duration}_ms`) ?? 0) / count;
}

/**
 * The duration in milliseconds that a share (0…1) of the observed ones did not exceed, or nothing when none was
 * observed. The histogram's buckets grow by a tenth, and the answer is a bucket's upper edge: at most 10 % too high.
 */
export function percentileMs(tally: Tally, duration: string, share: number): number | undefined {
  const prefix = `${duration}:`;
  const buckets = [...tally]
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, count]) => ({ bucket: Number(name.slice(prefix.length)), count }))
    .sort((a, b) => a.bucket - b.bucket);
  const total = buckets.reduce((sofar, { count }) => sofar + count, 0);
  let seen = 0;
  for (const { bucket, count } of buckets) {
    seen += count;
    if (seen >= share * total) return 1.1 ** bucket;
  }
  return undefined;
}

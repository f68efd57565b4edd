import type { QueueContext } from './context.ts';

/**
 * What the scripts counted, by name: `created:HIGH`; with the bucket of a duration `completed:HIGH:31`; the sum of the
 * durations `completed_ms`.
 */
export type Tally = Map<string, number>;

const minuteMs = 60_000;
const hourMs = 3_600_000;
/** How long the buckets of minutes and hours can be read (`lifecycle.lua.ts`, `roll-up.lua.ts`). */
const minutesKept = 24 * 60;
const hoursKept = 7 * 24;
const pageLength = 500;

/** Everything that was ever counted: the running totals and the minutes that are not in them yet. */
export async function totals(context: QueueContext, now: number): Promise<Tally> {
  const { rolled, recent } = await readCounted(context, now);
  const total = sum([rolled, ...recent.values()]);
  for (const bookkeeping of ['rolledUntil', 'cleanedAt']) total.delete(bookkeeping);
  return total;
}

/**
 * Everything counted since `windowMs` ago, to the minute; to the hour for more than a day.
 * Reads one small hash a bucket, however many tasks there were.
 */
export async function tallyOfWindow(context: QueueContext, windowMs: number, now: number): Promise<Tally> {
  const minutes = Math.ceil(windowMs / minuteMs);
  if (minutes > minutesKept) {
    const hours = await hourlyTallies(context, Math.ceil(windowMs / hourMs), now);
    return sum([...hours.values()]);
  }
  return sum([...(await minuteTallies(context, minutes, now)).values()]);
}

/** What was counted in each of the last minutes, by Unix minute, the current one last. */
export async function minuteTallies(context: QueueContext, minutes: number, now: number) {
  const buckets = lastBuckets(Math.min(minutes, minutesKept), Math.floor(now / minuteMs));
  const tallies = await readTallies(context, buckets.map(context.keys.minute));
  return new Map(buckets.map((minute, index) => [minute, tallies[index] ?? new Map()]));
}

/** What was counted in each of the last hours, by Unix hour, the current one last. */
export async function hourlyTallies(context: QueueContext, hours: number, now: number) {
  const buckets = lastBuckets(Math.min(hours, hoursKept), Math.floor(now / hourMs));
  const [{ recent }, tallies] = await Promise.all([
    readCounted(context, now),
    readTallies(context, buckets.map(context.keys.hour)),
  ]);
  const recentOf = (hour: number) =>
    [...recent].filter(([minute]) => Math.floor(minute / 60) === hour).map(([, tally]) => withoutGone(tally));
  return new Map(buckets.map((hour, index) => [hour, sum([tallies[index] ?? new Map(), ...recentOf(hour)])]));
}

/** The totals, and the minutes that are not in them. Read again when they were rolled up in between. */
async function readCounted(
  context: QueueContext,
  now: number,
): Promise<{ rolled: Tally; recent: Map<number, Tally> }> {
  const thisMinute = Math.floor(now / minuteMs);
  for (;;) {
    const [rolled = new Map()] = await readTallies(context, [context.keys.counters]);
    const first = rolled.get('rolledUntil') ?? thisMinute - minutesKept;
    const recent = await minuteTallies(context, thisMinute - first + 1, now);
    const rolledUntil = await context.redis.hget(context.keys.counters, 'rolledUntil');
    if (Number(rolledUntil ?? first) === first) return { rolled, recent };
  }
}

/** Removals are noted in the hour of the submission at once, not when its minutes are rolled up. */
function withoutGone(tally: Tally): Tally {
  const rest = new Map(tally);
  rest.delete('gone');
  return rest;
}

function lastBuckets(count: number, last: number): number[] {
  return Array.from({ length: count }, (_, index) => last - count + 1 + index);
}

async function readTallies({ redis }: QueueContext, names: readonly string[]): Promise<Tally[]> {
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

/** The sum of all counts of one kind: `completed` adds `completed:HIGH:31`, `completed:LOW:40` … */
export function countOf(tally: Tally, kind: string): number {
  let total = 0;
  for (const [name, value] of tally) if (name === kind || name.startsWith(`${kind}:`)) total += value;
  return total;
}

/** The mean duration in milliseconds of what was counted with one, or nothing when nothing was. */
export function meanMs(tally: Tally, kind: string): number | undefined {
  const count = countOf(tally, kind);
  return count === 0 ? undefined : (tally.get(`${kind}_ms`) ?? 0) / count;
}

/**
 * The duration in milliseconds that a share (0…1) of what was counted with one did not exceed, or nothing when
 * nothing was. The histogram's buckets grow by a tenth, and the answer is a bucket's upper edge: at most 10 % too high.
 */
export function percentileMs(tally: Tally, kind: string, share: number): number | undefined {
  const buckets = [...tally]
    .filter(([name]) => name.startsWith(`${kind}:`))
    .map(([name, count]) => ({ bucket: Number(name.slice(name.lastIndexOf(':') + 1)), count }))
    .sort((a, b) => a.bucket - b.bucket);
  const total = buckets.reduce((sofar, { count }) => sofar + count, 0);
  let seen = 0;
  for (const { bucket, count } of buckets) {
    seen += count;
    if (seen >= share * total) return 1.1 ** bucket;
  }
  return undefined;
}

import { hourMs, hoursKept, lastBuckets, minuteMs, minutesKept, sum, type Tally } from '../tally.ts';
import type { QueueContext } from './context.ts';

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

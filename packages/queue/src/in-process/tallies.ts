import { hourMs, hoursKept, lastBuckets, minuteMs, minutesKept, sum, type Tally } from '../tally.ts';

/** Counts what happens, by minute, by hour and in all. */
export interface Tallies {
  add(at: number, name: string, amount?: number): void;
  /** Counts under a name that also says how long it took, in buckets that grow by a tenth (`lifecycle.lua.ts`). */
  addDuration(at: number, name: string, ms: number): void;
  /** Since `windowMs` ago, to the minute; to the hour for more than a day. */
  ofWindow(windowMs: number): Tally;
  /** Each of the last hours by Unix hour, the current one last. */
  hours(count: number): Map<number, Tally>;
  total(): Tally;
}

export function createTallies(now: () => number): Tallies {
  const byMinute = new Map<number, Tally>();
  const byHour = new Map<number, Tally>();
  const total: Tally = new Map();

  function add(at: number, name: string, amount = 1): void {
    const [minute, hour] = [Math.floor(at / minuteMs), Math.floor(at / hourMs)];
    for (const tally of [bucket(byMinute, minute, minutesKept), bucket(byHour, hour, hoursKept), total]) {
      tally.set(name, (tally.get(name) ?? 0) + amount);
    }
  }

  function bucket(buckets: Map<number, Tally>, number: number, kept: number): Tally {
    const known = buckets.get(number);
    if (known !== undefined) return known;
    const tally: Tally = new Map();
    buckets.set(number, tally);
    const newest = Math.max(...buckets.keys());
    for (const old of buckets.keys()) if (old <= newest - kept) buckets.delete(old);
    return tally;
  }

  function last(buckets: Map<number, Tally>, count: number, spanMs: number): [number, Tally][] {
    const numbers = lastBuckets(count, Math.floor(now() / spanMs));
    return numbers.map((number) => [number, buckets.get(number) ?? new Map()]);
  }

  return {
    add,
    addDuration(at, name, ms) {
      const bucketOf = ms <= 1 ? 0 : Math.ceil(Math.log(ms) / Math.log(1.1));
      add(at, `${name}:${bucketOf}`);
    },
    ofWindow(windowMs) {
      const minutes = Math.ceil(windowMs / minuteMs);
      const buckets =
        minutes > minutesKept
          ? last(byHour, Math.min(hoursKept, Math.ceil(windowMs / hourMs)), hourMs)
          : last(byMinute, minutes, minuteMs);
      return sum(buckets.map(([, tally]) => tally));
    },
    hours: (count) => new Map(last(byHour, Math.min(count, hoursKept), hourMs)),
    total: () => new Map(total),
  };
}

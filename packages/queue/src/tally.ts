/**
 * What the transitions counted, by name: `created:HIGH`; with the bucket of a duration `completed:HIGH:31`; the sum of the
 * durations `completed_ms`.
 */
export type Tally = Map<string, number>;

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
/** How long the buckets of minutes and hours can be read (`lifecycle.lua.ts`, `roll-up.lua.ts`). */
export const minutesKept = 24 * 60;
export const hoursKept = 7 * 24;

/** The numbers of so many buckets, the last one last. */
export function lastBuckets(count: number, last: number): number[] {
  return Array.from({ length: count }, (_, index) => last - count + 1 + index);
}

export function sum(tallies: readonly Tally[]): Tally {
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

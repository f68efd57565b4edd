import type { Priority } from '@musicgen/client';
import type { Look } from './desk.ts';

/** Rates are taken over this long, as far as the looks reach back. */
const windowMs = 60_000;

export interface Flow {
  /** Tasks a minute. */
  entering: number;
  leaving: number;
}

/** Over less than this a single task would look like a flood. */
const leastMs = 12_000;

/** How fast tasks came and went in the last minute; undefined before that is long enough to tell. */
export function flowOf(looks: readonly Look[], priority: Priority): Flow | undefined {
  const last = looks.at(-1);
  const first = looks.find(({ at }) => last && at >= last.at - windowMs);
  if (!first || !last || last.at - first.at < leastMs) return undefined;
  const minutes = (last.at - first.at) / 60_000;
  const rate = (name: 'submitted' | 'ended') =>
    Math.max(0, last[name][priority] - first[name][priority]) / minutes;
  return { entering: rate('submitted'), leaving: rate('ended') };
}

/** Tasks a minute over all queues between each look and the one about a minute before it, for a chart. */
export function throughputOf(looks: readonly Look[]): { at: number; entering: number; leaving: number }[] {
  let start = 0;
  return looks.slice(1).map((look, index) => {
    while ((looks[start]?.at ?? look.at) < look.at - windowMs) start += 1;
    const first = looks[Math.min(start, index)] ?? look;
    const minutes = Math.max(1, look.at - first.at) / 60_000;
    return {
      at: look.at,
      entering: Math.max(0, total(look.submitted) - total(first.submitted)) / minutes,
      leaving: Math.max(0, total(look.ended) - total(first.ended)) / minutes,
    };
  });
}

function total(counts: Record<Priority, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

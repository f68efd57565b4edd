import { compareIds } from '../lifecycle.ts';

/** Ids like those of a Redis stream: `milliseconds-sequence`, each later than the one before. */
export interface Ids {
  next(): string;
  /** Those that follow are later than this one. */
  goOnAfter(id: string): void;
}

export function createIds(now: () => number): Ids {
  let last = '0-0';
  return {
    next() {
      const [ms = 0, sequence = 0] = last.split('-').map(Number);
      const time = now();
      last = time > ms ? `${time}-0` : `${ms}-${sequence + 1}`;
      return last;
    },
    goOnAfter(id) {
      if (compareIds(id, last) > 0) last = id;
    },
  };
}

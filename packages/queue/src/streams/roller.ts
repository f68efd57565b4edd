import type { QueueContext } from './context.ts';
import { rollUpScript } from './scripts/roll-up.lua.ts';

export interface Roller {
  /** Adds the minutes that are over to their hours and to the running totals. */
  rollUp(signal?: AbortSignal): Promise<void>;
}

export function createRoller({ run }: QueueContext): Roller {
  return {
    async rollUp(signal) {
      while ((await run(rollUpScript, [])) === 1 && !signal?.aborted);
    },
  };
}

/**
 * Notes for a queue in which nothing has ever happened that its counts begin now. Without that note readers of the totals
 * look into every minute of a day, until the first roll-up.
 */
export async function beginCounting({ redis, keys }: Pick<QueueContext, 'redis' | 'keys'>): Promise<void> {
  // Asked for first: what happens meanwhile is counted in this minute or a later one.
  const [seconds] = await redis.time();
  if ((await redis.exists(keys.lifecycle)) === 1) return;
  await redis.hsetnx(keys.counters, 'rolledUntil', Math.floor(Number(seconds) / 60));
}

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

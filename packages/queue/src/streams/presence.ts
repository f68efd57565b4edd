import type { JsonObject } from '../task-record.ts';
import type { QueueContext } from './context.ts';
import { presenceScript } from './scripts/presence.lua.ts';

/** How often a worker renews its entry in the registry, and how long an entry lasts: two lost renewals are forgiven. */
const renewEveryMs = 20_000;
export const presenceLastsMs = 60_000;

export interface Presence {
  describe(description: JsonObject): Promise<void>;
  /** Renews the entry when it is time; called by whatever shows that the worker's loop turns. */
  touch(): void;
  onDrainRequested(listener: () => void): () => void;
  /** Takes the worker off the registry. */
  leave(): Promise<void>;
}

/** One worker's entry in the registry of live workers. A worker that never describes itself has none. */
export function createPresence({ redis, keys, run }: QueueContext, workerId: string): Presence {
  const listeners = new Set<() => void>();
  let description: string | undefined;
  let renewedAt = 0;
  let drainRequested = false;

  async function renew(): Promise<void> {
    if (description === undefined) return;
    renewedAt = Date.now();
    const drain = await run(presenceScript, [workerId, presenceLastsMs, description]);
    if (drain !== 1 || drainRequested) return;
    drainRequested = true;
    for (const listener of listeners) listener();
  }

  return {
    async describe(next) {
      description = JSON.stringify(next);
      await renew();
    },
    touch() {
      if (Date.now() - renewedAt < renewEveryMs) return;
      // The next touch tries again, and a registry that is behind harms no task.
      renew().catch(() => {});
    },
    onDrainRequested(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async leave() {
      if (description === undefined) return;
      description = undefined;
      await redis.del(keys.worker(workerId));
      await redis.zrem(keys.workers, workerId);
    },
  };
}

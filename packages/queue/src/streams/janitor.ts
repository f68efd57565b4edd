import { toServiceError } from '@musicgen/contract';
import type { QueueContext } from './context.ts';
import { expireScript } from './scripts/expire.lua.ts';
import { removeScript } from './scripts/remove.lua.ts';

/** How long the janitor leaves a task alone whose artifacts could not be removed. */
const retryRemovalMs = 60_000;

export interface JanitorOptions {
  /**
   * Removes what belongs to a task elsewhere. Called before the record goes, so that nothing is left behind by a
   * crash; hence it may be called more than once for one task.
   */
  removeArtifacts?: (taskId: string) => Promise<void>;
}

export interface Janitor {
  /** Ends what has outlived its time and removes what is finished and past it. */
  clean(signal?: AbortSignal): Promise<{ expired: number; removed: number }>;
}

export function createJanitor(context: QueueContext, { removeArtifacts }: JanitorOptions = {}): Janitor {
  const { redis, keys, events, run } = context;

  async function removable(ids: readonly string[]): Promise<string[]> {
    if (removeArtifacts === undefined) return [...ids];
    const outcomes = await Promise.allSettled(ids.map(removeArtifacts));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected') await postpone(ids[index] ?? '', outcome.reason);
    }
    return ids.filter((_, index) => outcomes[index]?.status === 'fulfilled');
  }

  async function postpone(taskId: string, reason: unknown): Promise<void> {
    const error = toServiceError(reason, 'storage_failed');
    events.emit('duty:failed', { duty: `remove the artifacts of task ${taskId}`, error });
    await redis.zadd(keys.expiry, 'XX', Date.now() + retryRemovalMs, taskId);
  }

  async function remove(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const removed = (await run(removeScript, await removable(ids))) as string[];
    for (const taskId of removed) events.emit('task:removed', { taskId });
    return removed.length;
  }

  return {
    async clean(signal) {
      const total = { expired: 0, removed: 0 };
      for (;;) {
        const [expired, due] = (await run(expireScript, [])) as [string[], string[]];
        for (const taskId of expired) events.emit('task:expired', { taskId });
        total.expired += expired.length;
        total.removed += await remove(due);
        if (expired.length + due.length === 0 || signal?.aborted) return total;
      }
    },
  };
}

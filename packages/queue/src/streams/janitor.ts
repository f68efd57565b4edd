import { type Priority, priorityNames, toServiceError } from '@musicgen/contract';
import { returnedConsumer, webhooksGroup, workersGroup } from '../keys.ts';
import type { Janitor, JanitorOptions } from '../maintenance.ts';
import { fieldsFromReply } from '../task-record.ts';
import type { QueueContext } from './context.ts';
import { createGroups, isReplyError, runWithGroups } from './groups.ts';
import { presenceLastsMs } from './presence.ts';
import { expireScript } from './scripts/expire.lua.ts';
import { removeScript } from './scripts/remove.lua.ts';
import { removeConsumerScript } from './scripts/remove-consumer.lua.ts';
import { scriptBound } from './scripts/script.ts';

/** How long the janitor leaves a task alone whose artifacts could not be removed. */
const retryRemovalMs = 60_000;
/** After this a turn that nobody has acknowledged is news to no one. */
const outboxLastsMs = 7 * 86_400_000;

export interface StreamsJanitorOptions extends JanitorOptions {
  /** A worker that was not seen for so long is gone. Default 7.5 minutes: its clock and Redis's may differ. */
  workerGoneMs?: number;
}

export interface StreamsJanitor extends Janitor {
  /** Takes workers that are gone and hold nothing any more off the registry and the groups; resolves to how many. */
  removeWorkers(): Promise<number>;
  /** Drops from the outbox what nobody acknowledged for a week, and readers that are gone. */
  tidyOutbox(): Promise<void>;
}

export function createJanitor(context: QueueContext, options: StreamsJanitorOptions = {}): StreamsJanitor {
  const { redis, keys, events, run } = context;
  const { removeArtifacts, workerGoneMs = 10 * presenceLastsMs } = options;

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

  /** Only once nothing is left in its name: what it held must be recovered first. */
  async function removeWorker(workerId: string): Promise<boolean> {
    for (const priority of priorityNames) {
      if (
        (await runWithGroups(context, removeConsumerScript, [
          keys.stream(priority),
          workersGroup,
          workerId,
        ])) === 0
      )
        return false;
    }
    await redis.zrem(keys.workers, workerId);
    events.emit('worker:removed', { workerId });
    return true;
  }

  /**
   * The registry does not name every consumer: a claim that was still on its way when its worker left makes a new one.
   * One that holds nothing and has done nothing for long may go; a worker that lives gets it again when it claims.
   */
  async function removeIdleConsumers(stream: string, group: string): Promise<void> {
    const consumers = (await redis.xinfo('CONSUMERS', stream, group)) as string[][];
    const idle = consumers.map(fieldsFromReply).filter(({ name, pending, idle }) => {
      return name !== returnedConsumer && Number(pending) === 0 && Number(idle) >= workerGoneMs;
    });
    for (const { name = '' } of idle.slice(0, scriptBound))
      await run(removeConsumerScript, [stream, group, name]);
  }

  return {
    async clean(signal) {
      const total = { expired: 0, removed: 0 };
      for (;;) {
        const [expired, due, more] = (await run(expireScript, [])) as [string[], string[], number];
        for (let index = 0; index + 1 < expired.length; index += 2) {
          const [taskId, priority] = expired.slice(index, index + 2) as [string, Priority];
          events.emit('task:expired', { taskId, priority });
        }
        total.expired += expired.length / 2;
        total.removed += await remove(due);
        if (expired.length + due.length + more > 0 && !signal?.aborted) continue;
        // Only for people to see; a full Redis refuses it.
        await redis.hset(keys.counters, 'cleanedAt', Date.now()).catch(() => {});
        return total;
      }
    },

    async removeWorkers() {
      const lastSeen = Date.now() - workerGoneMs;
      const gone = await redis.zrangebyscore(keys.workers, '-inf', lastSeen, 'LIMIT', 0, scriptBound);
      let removed = 0;
      for (const workerId of gone) if (await removeWorker(workerId)) removed += 1;
      // After a flush there would be none to look at.
      await createGroups(context);
      for (const priority of priorityNames) await removeIdleConsumers(keys.stream(priority), workersGroup);
      return removed;
    },

    async tidyOutbox() {
      if ((await redis.exists(keys.outbox)) === 0) return;
      await redis.xtrim(keys.outbox, 'MINID', '~', Date.now() - outboxLastsMs);
      await removeIdleConsumers(keys.outbox, webhooksGroup).catch((error: unknown) => {
        // Nobody has read it yet.
        if (!isReplyError(error, 'NOGROUP')) throw error;
      });
    },
  };
}

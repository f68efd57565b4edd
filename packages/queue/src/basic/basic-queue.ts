import type { ServiceError } from '@musicgen/contract';
import type { InProcessContext } from '../in-process/context.ts';
import { createInProcessQueue, type InProcessOptions } from '../in-process/in-process-queue.ts';
import type { QueueEvents } from '../queue-events.ts';
import type { TaskQueue } from '../queue-kind.ts';
import type { RedisClient } from '../streams/redis-client.ts';
import { createBasicStore } from './basic-store.ts';
import { createProcessLock } from './process-lock.ts';

export interface BasicQueueOptions extends InProcessOptions {
  /** For every command; its owner closes it, after the queue. */
  redis: RedisClient;
  /** Before every key. Default `musicgen`. */
  prefix?: string;
  /** Another process has taken over: this one must not go on. */
  onTakenOver: (error: ServiceError) => void;
  /** How long the claim of this process to the tasks outlives it. Default 15 s. */
  lockLeaseMs?: number;
}

export interface BasicQueue extends TaskQueue {
  /** Writes what is not written yet, and makes way for the next process at once. */
  close(): Promise<void>;
}

/**
 * Tasks in the memory of one process, each written through to Redis as a JSON text: they survive the process, and only
 * one process at a time may have them.
 */
export function createBasicQueue(options: BasicQueueOptions): BasicQueue {
  return openBasicQueue(options).queue;
}

/** The same, with the inside for tests that make time pass. */
export function openBasicQueue(options: BasicQueueOptions): { queue: BasicQueue; context: InProcessContext } {
  const { redis, prefix = 'musicgen', onTakenOver, lockLeaseMs = 15_000, ...rest } = options;
  const lock = createProcessLock({
    redis,
    prefix,
    leaseMs: lockLeaseMs,
    onLost: onTakenOver,
    onEmptied: () => writeEverything(),
  });
  const store = createBasicStore({ redis, prefix, lock, events: (): QueueEvents => queue.events });
  const { queue, context } = createInProcessQueue('basic', store, rest);

  /** This process still knows all that Redis has lost. */
  function writeEverything(): void {
    for (const id of context.tasks.keys()) context.journal.mark(id);
    context.journal.written().catch(() => {});
  }

  async function close(): Promise<void> {
    await context.journal.written().catch(() => {});
    await lock.release();
  }

  return { queue: { ...queue, close }, context };
}

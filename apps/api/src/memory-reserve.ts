import { ServiceError } from '@musicgen/contract';
import type { QueueMonitor } from '@musicgen/queue';
import { cached } from './cached.ts';

/**
 * Of the memory that Redis may use. The rest is kept for tasks that were admitted before, whose progress, results and
 * events need some, so that they end as if there were plenty.
 */
const shareForNewTasks = 0.95;

/** The memory that new tasks must not use. */
export interface MemoryReserve {
  /** Whether it would be used now. Not known, as while Redis is away: no. */
  isReached(): Promise<boolean>;
}

export interface MemoryReserveOptions {
  monitor: Pick<QueueMonitor, 'server'>;
  /** How old what it knows of the server may be. */
  refreshMs?: number;
}

const deadlineMs = 1_000;

/** Looks at the server at most once a second however many ask, so that it costs a submission no command. */
export function createMemoryReserve({ monitor, refreshMs = 1_000 }: MemoryReserveOptions): MemoryReserve {
  const look = cached({ load: () => isNearlyFull(monitor), lastsMs: refreshMs, deadlineMs });
  return { isReached: () => look().catch(() => false) };
}

/** Why a new task is refused when it is reached. */
export function reserveRefusal(): ServiceError {
  const percent = Math.round(shareForNewTasks * 100);
  return new ServiceError(
    'redis_full',
    `Redis uses more than ${percent} % of its memory; the rest is for tasks that were accepted before`,
  );
}

async function isNearlyFull(monitor: Pick<QueueMonitor, 'server'>): Promise<boolean> {
  const { usedMemoryBytes = 0, memoryLimitBytes = 0 } = (await monitor.server()) ?? {};
  // A server that tells no limit has none that could be reached.
  return memoryLimitBytes > 0 && usedMemoryBytes > shareForNewTasks * memoryLimitBytes;
}

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
  /** @throws ServiceError `redis_full` when it is reached. */
  check(): Promise<void>;
}

export interface MemoryReserveOptions {
  monitor: Pick<QueueMonitor, 'server'>;
  /** How old what it knows of the server may be. */
  refreshMs?: number;
}

const deadlineMs = 1_000;

/** Looks at the server at most once a second however many ask, so that it costs a submission no command. */
export function createMemoryReserve({ monitor, refreshMs = 1_000 }: MemoryReserveOptions): MemoryReserve {
  const isReached = cached({ load: () => isNearlyFull(monitor), lastsMs: refreshMs, deadlineMs });
  const isKnownToBeReached = () => isReached().catch(() => false);
  return {
    isReached: isKnownToBeReached,
    async check() {
      if (!(await isKnownToBeReached())) return;
      const percent = Math.round(shareForNewTasks * 100);
      throw new ServiceError(
        'redis_full',
        `Redis uses more than ${percent} % of its memory; the rest is for tasks that were accepted before`,
      );
    },
  };
}

async function isNearlyFull(monitor: Pick<QueueMonitor, 'server'>): Promise<boolean> {
  const facts = await monitor.server();
  return facts !== undefined && facts.usedMemoryBytes > shareForNewTasks * facts.memoryLimitBytes;
}

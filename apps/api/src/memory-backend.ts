import {
  createKeyStore,
  createMemoryDailyQuota,
  createMemoryRateLimiter,
  keyEntriesInMemory,
} from '@musicgen/access';
import { createMemoryQueue } from '@musicgen/queue';
import { createMemoryDeliveries } from '@musicgen/webhooks';
import type { Backend } from './backend.ts';

/** Everything in the memory of this process, and gone with it. */
export function createMemoryBackend(): Backend {
  return {
    queue: createMemoryQueue(),
    deliveries: createMemoryDeliveries(),
    stores: {
      keyStore: createKeyStore(keyEntriesInMemory()),
      limiter: createMemoryRateLimiter(),
      quota: createMemoryDailyQuota(),
    },
    connect: async () => {},
    problem: async () => undefined,
  };
}

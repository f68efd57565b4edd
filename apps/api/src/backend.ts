import type { DailyQuota, KeyStore, RateLimiter } from '@musicgen/access';
import type { TaskQueue } from '@musicgen/queue';
import type { Deliveries } from '@musicgen/webhooks';

/** What the API counts and keeps of its callers. */
export interface AccessStores {
  keyStore: KeyStore;
  limiter: RateLimiter;
  quota: DailyQuota;
}

/** Where an API keeps everything that outlives a request: one for each storage kind. */
export interface Backend {
  queue: TaskQueue;
  deliveries: Deliveries;
  stores: AccessStores;
  /** Makes the first connection, where there is one to make. Never fails: what is away is seen by `problem`. */
  connect(): Promise<void>;
  /** Why it cannot be worked with right now, in a sentence; undefined when it can. */
  problem(): Promise<string | undefined>;
}

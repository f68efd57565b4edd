import type { RememberedKey } from '../streams/mover.ts';
import type { RedisClient } from '../streams/redis-client.ts';
import type { SourceTask } from './migrated-task.ts';

/** A queue's place. */
export interface RedisPlace {
  redis: RedisClient;
  prefix: string;
}

/** Where tasks come from. */
export interface TaskSource {
  /** How many tasks there are, for a progress bar; undefined where only reading them would tell. */
  count(): Promise<number | undefined>;
  /** Every task, a page in memory at a time. One may come twice. */
  pages(): AsyncIterable<SourceTask[]>;
  /** The places of waiting tasks that their records alone do not tell exactly. */
  places(): AsyncIterable<{ id: string; order: number }[]>;
  /** What is remembered of idempotency keys, a page at a time. */
  remembered(): AsyncIterable<RememberedKey[]>;
  /** Removes tasks that are elsewhere now; absent where nothing can be removed. */
  remove?(tasks: readonly SourceTask[]): Promise<void>;
  /** Removes what is left behind when tasks are gone. */
  sweep?(): Promise<void>;
}

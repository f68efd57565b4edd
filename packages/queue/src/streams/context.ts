import type { Keys } from '../keys.ts';
import type { QueueEvents } from '../queue-events.ts';
import type { RedisClient } from './redis-client.ts';
import type { RunScript } from './script-runner.ts';

/** What every part of one queue works with. */
export interface QueueContext {
  redis: RedisClient;
  keys: Keys;
  events: QueueEvents;
  run: RunScript;
}

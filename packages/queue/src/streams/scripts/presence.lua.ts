import type { Script } from './script.ts';

/**
 * Notes that a worker is alive and what it says about itself.
 *
 * ARGV   1 worker · 2 how long this counts (ms) · 3 description (JSON)
 * Returns  1 an operator asked it to drain · 0
 */
export const presenceScript: Script = {
  name: 'presence',
  lua: `
local worker, lasts_ms, description = unpack(ARGV)
local time = now()
redis.call('HSET', worker_key(worker), 'seenAt', time, 'description', description)
redis.call('PEXPIRE', worker_key(worker), lasts_ms)
redis.call('ZADD', workers_key, time, worker)
return redis.call('HEXISTS', worker_key(worker), 'drain')
`,
};

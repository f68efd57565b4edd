import type { Script } from './script.ts';

/**
 * Lets workers take from a paused queue again and wakes as many as there is work for.
 *
 * ARGV   1 priority
 * Returns  1 it was paused · 0 it was not
 */
export const resumeScript: Script = {
  name: 'resume',
  lua: `
local priority = ARGV[1]
local was_paused = redis.call('SREM', paused_key, priority)
ring(priority, redis.call('ZCARD', waiting_key(priority)))
return was_paused
`,
};

import type { Script } from './script.ts';

/**
 * Wakes one worker for each of these queues in which tasks wait.
 *
 * ARGV   priorities
 */
export const wakeScript: Script = {
  name: 'wake',
  lua: `
for _, priority in ipairs(ARGV) do
  if redis.call('ZCARD', waiting_key(priority)) > 0 then ring(priority) end
end
`,
};

import type { Script } from './script.ts';

/**
 * Where a waiting task stands.
 *
 * ARGV   1 id
 * Returns  {tasks before it in its queue, tasks in better queues}, or nil when it does not wait in a queue
 */
export const placeScript: Script = {
  name: 'place',
  lua: `
local task = read(ARGV[1])
local before = task and redis.call('ZRANK', waiting_key(task.priority), task.id)
if not before then return nil end
local better = 0
for priority, level in pairs(LEVEL) do
  if level > LEVEL[task.priority] then better = better + redis.call('ZCARD', waiting_key(priority)) end
end
return { before, better }
`,
};

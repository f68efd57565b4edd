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
local before, better
if task then before, better = place_of(task.id, task.priority) end
return before and { before, better }
`,
};

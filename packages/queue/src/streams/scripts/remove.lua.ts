import { lifecycle } from './lifecycle.lua.ts';
import { record } from './record.lua.ts';
import type { Script } from './script.ts';

/**
 * Removes finished tasks without a trace, and what is left of tasks that have no readable record.
 * A task that an operator has requeued in the meantime stays.
 *
 * ARGV   ids
 * Returns  ids of the removed tasks
 */
export const removeScript: Script = {
  name: 'remove',
  lua: `${record}${lifecycle}
local removed = {}

for _, id in ipairs(ARGV) do
  local task = read(id)
  if not task or (task.status ~= 'pending' and task.status ~= 'processing') then
    redis.call('DEL', task_key(id), checkpoint_key(id))
    redis.call('ZREM', expiry_key, id)
    redis.call('ZREM', dead_key, id)
    if task then
      redis.call('ZREM', status_key(task.status), id)
      count_existing(task.created_at, task.priority, -1)
    end
    removed[#removed + 1] = id
  end
end
return removed
`,
};

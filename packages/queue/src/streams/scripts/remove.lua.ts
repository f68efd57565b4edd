import type { Script } from './script.ts';

/**
 * Removes finished tasks, and what is left of tasks that have no readable record or were erased.
 * A task that an operator has requeued in the meantime stays.
 *
 * ARGV   ids
 * Returns  ids of the removed tasks
 */
export const removeScript: Script = {
  name: 'remove',
  lua: `
local time = now()
local removed = {}

for _, id in ipairs(ARGV) do
  local task = read(id)
  if not task or (task.status ~= 'pending' and task.status ~= 'processing') then
    remove_record(id, task, time)
    redis.call('ZREM', expiry_key, id)
    removed[#removed + 1] = id
  end
end
return removed
`,
};

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
  lua: `
local time = now()
local removed = {}

-- Beside the removal itself, notes in the buckets of its submission that one of theirs is gone: ages are read there.
local function count_removal(time, task)
  tally(time, 'removed:' .. task.priority, '1')
  local hour = hour_key(math.floor(task.created_at / 3600000))
  if redis.call('HINCRBY', hour, 'gone', '1') == 1 then redis.call('EXPIRE', hour, '691200') end
  if time - task.created_at < 3600000 then tally(task.created_at, 'gone', '1') end
end

for _, id in ipairs(ARGV) do
  local task = read(id)
  if not task or (task.status ~= 'pending' and task.status ~= 'processing') then
    redis.call('DEL', task_key(id), content_key(id), checkpoint_key(id))
    redis.call('ZREM', expiry_key, id)
    redis.call('ZREM', dead_key, id)
    if task then
      redis.call('ZREM', status_key(task.status), id)
      count_removal(time, task)
    end
    removed[#removed + 1] = id
  end
end
return removed
`,
};

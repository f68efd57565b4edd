import { type Script, scriptBound } from './script.ts';

/**
 * Puts tasks whose retry is due to the end of the queue of their own priority.
 *
 * Returns  ids of the promoted tasks, at most 100
 */
export const promoteScript: Script = {
  name: 'promote',
  lua: `
local due = redis.call('ZRANGEBYSCORE', delayed_key, '-inf', now(), 'LIMIT', 0, ${scriptBound})
local promoted = {}

for _, id in ipairs(due) do
  redis.call('ZREM', delayed_key, id)
  local task = read(id)
  if task and task.status == 'pending' and not task.entry then
    join_queue(task)
    redis.call('HDEL', task_key(id), 'retryAt')
    promoted[#promoted + 1] = id
  end
end
return promoted
`,
};

import { type Script, scriptBound } from './script.ts';

/**
 * Ends unfinished tasks whose time to live is over, and names the finished ones that are to be removed. Those are
 * only removed afterwards, by another call: their artifacts must go first, or a crash in between would leak them.
 *
 * Returns  {{id, priority of expired tasks …}, {ids to remove …}}, at most 100 in all
 */
export const expireScript: Script = {
  name: 'expire',
  lua: `
local time = now()
local due = redis.call('ZRANGEBYSCORE', expiry_key, '-inf', time, 'LIMIT', 0, ${scriptBound})
local expired, removable = {}, {}

for _, id in ipairs(due) do
  local task = read(id)
  if task and (task.status == 'pending' or task.status == 'processing') then
    expire(task, time)
    expired[#expired + 1] = id
    expired[#expired + 1] = task.priority
  else
    removable[#removable + 1] = id
  end
end
return { expired, removable }
`,
};

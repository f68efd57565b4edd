import { type Script, scriptBound } from './script.ts';

/**
 * Ends unfinished tasks whose time to live is over, and names the finished ones that are to be removed. Those are
 * only removed afterwards, by another call: their artifacts must go first, or a crash in between would leak them.
 *
 * Before that, what becomes due in this minute moves from its list into the index of moments.
 *
 * Returns  {{id, priority of expired tasks …}, {ids to remove …}, 1 there is more in the lists | 0}, at most 100 in all
 */
export const expireScript: Script = {
  name: 'expire',
  lua: `
local time = now()

-- Not what has been noted for a later minute since, nor what is gone.
local function is_due(id, minute)
  local at = redis.pcall('HGET', task_key(id), 'expiresAt')
  if type(at) == 'string' and tonumber(at) then return tonumber(at) < (minute + 1) * 60000, at end
  return redis.call('EXISTS', task_key(id)) == 1, time
end

local function move_due()
  local this_minute = string.format('%d', time / 60000)
  local minute = redis.call('ZRANGEBYSCORE', expiring_minutes_key, '-inf', this_minute, 'LIMIT', '0', '1')[1]
  if not minute then return 0 end
  local ids = redis.call('LPOP', expiring_key(minute), '${scriptBound}') or {}
  for _, id in ipairs(ids) do
    local due, at = is_due(id, minute)
    if due then redis.call('ZADD', expiry_key, at, id) end
  end
  if #ids < ${scriptBound} then redis.call('ZREM', expiring_minutes_key, minute) end
  return 1
end

local more = move_due()
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
return { expired, removable, more }
`,
};

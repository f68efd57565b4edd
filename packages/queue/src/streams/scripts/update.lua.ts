import type { Script } from './script.ts';

/**
 * Changes a waiting task: to another priority, where it goes to the end of that queue, or to another time to live,
 * counted from its submission.
 *
 * ARGV   1 id · 2 priority or '' · 3 ttl (ms) or ''
 * Returns  'updated' · 'not_pending' · 'unknown'
 */
export const updateScript: Script = {
  name: 'update',
  lua: `
local id, priority, ttl_ms = unpack(ARGV)
local task = read(id)
if not task then return 'unknown' end
if task.status ~= 'pending' then return 'not_pending' end

local time = now()
if priority ~= '' and priority ~= task.priority then
  local waits_in_queue = task.entry
  if waits_in_queue then leave_queue(task) end
  tally(time, 'shifted:' .. task.priority, -1)
  tally(time, 'shifted:' .. priority, 1)
  task.priority = priority
  redis.call('HSET', task_key(id), 'priority', priority)
  if waits_in_queue then join_queue(task) else list_as(task, 'pending') end
end
if ttl_ms ~= '' then
  local expires_at = after(task.created_at, ttl_ms)
  redis.call('HSET', task_key(id), 'expiresAt', expires_at)
  reschedule(id, expires_at, time)
end
redis.call('HSET', task_key(id), 'updatedAt', time)
emit(task, 'updated')
return 'updated'
`,
};

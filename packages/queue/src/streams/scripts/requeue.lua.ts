import type { Script } from './script.ts';

/**
 * Gives a dead letter a new life: all its attempts again, and its time to live from now on.
 *
 * ARGV   1 id
 * Returns  1 requeued · 0 it is no dead letter, or what is left of it is no task
 */
export const requeueScript: Script = {
  name: 'requeue',
  lua: `
local id = ARGV[1]
local task = read(id)
if not task or task.status ~= 'failed' or redis.call('ZREM', dead_key, id) == 0 then return 0 end

local time = now()
local expires_at = after(time, math.max(0, task.expires_at - task.created_at))
task.attempt = '0'
redis.call('HSET', task_key(id), 'status', 'pending', 'updatedAt', time, 'expiresAt', expires_at)
redis.call('HDEL', task_key(id), 'attempt', 'stalls', 'error', 'finishedAt', 'startedAt', 'worker', 'token', 'expectedMs')
reschedule(id, expires_at, time)
join_queue(task)
emit(task, 'requeued')
tally(time, 'requeued:' .. task.priority, 1)
return 1
`,
};

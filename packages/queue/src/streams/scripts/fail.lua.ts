import type { Script } from './script.ts';

/**
 * Ends an attempt that failed: a retry after the delay while attempts are left, else failed, and a dead letter if it
 * used them up. A task whose cancellation was requested is cancelled instead. Sent twice, it answers the same.
 *
 * ARGV   1 id · 2 token · 3 error (text) · 4 delay before the retry (ms), or '' when a retry is useless
 * Returns  'retrying' | 'failed' | 'cancelled' | 'lost'
 */
export const failScript: Script = {
  name: 'fail',
  lua: `
local id, token, error, delay_ms = unpack(ARGV)
local task = read(id)
if not task or task.token ~= token then return 'lost' end
if task.status ~= 'processing' then
  local answers = { pending = 'retrying', failed = 'failed', cancelled = 'cancelled' }
  return answers[task.status] or 'lost'
end

local time = now()
if task.cancel_requested then
  end_cancelled(task, time)
  return 'cancelled'
end
if tonumber(task.attempt) >= task.max_attempts then
  bury(task, time, error)
  return 'failed'
end
if delay_ms == '' then
  end_failed(task, time, error)
  return 'failed'
end

local retry_at = after(time, delay_ms)
leave_queue(task)
redis.call('HSET', task_key(id), 'status', 'pending', 'retryAt', retry_at, 'error', error, 'updatedAt', time)
redis.call('HDEL', task_key(id), 'entry', 'worker', 'stage')
redis.call('ZADD', delayed_key, retry_at, id)
list_as(task, 'pending')
emit(task, 'retrying', 'retryAt', retry_at, 'error', error)
tally(time, 'retried:' .. task.priority, 1)
return 'retrying'
`,
};

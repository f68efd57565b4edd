import type { Script } from './script.ts';

/**
 * Cancels a waiting task at once; asks the worker of a running one to stop. The flag rides on the next heartbeat's
 * answer; the published id only makes it faster.
 *
 * ARGV   1 id
 * Returns  {'cancelled', priority} | 'stopping' | 'finished' | 'unknown'
 */
export const cancelScript: Script = {
  name: 'cancel',
  lua: `
local task = read(ARGV[1])
if not task then return 'unknown' end

local time = now()
if task.status == 'pending' then
  end_cancelled(task, time)
  return { 'cancelled', task.priority }
end
if task.status ~= 'processing' then return 'finished' end
if not task.cancel_requested then
  redis.call('HSET', task_key(task.id), 'cancelRequested', time, 'updatedAt', time)
  emit(task, 'cancelling')
end
redis.call('PUBLISH', cancel_channel_key, task.id)
return 'stopping'
`,
};

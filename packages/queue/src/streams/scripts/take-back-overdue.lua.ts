import { type Script, scriptBound } from './script.ts';

/**
 * Takes tasks away from attempts that have run longer than allowed, although their worker still renews the lease.
 *
 * ARGV   1 the longest an attempt may run (ms) · 2 the most stalls a task survives
 * Returns  {id, priority, 'returned' | 'buried' | 'cancelled' …}, at most 100 tasks
 */
export const takeBackOverdueScript: Script = {
  name: 'take_back_overdue',
  lua: `
local stall_timeout_ms, max_stalls = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = now()
local overdue = redis.call('ZRANGEBYSCORE', processing_key, '-inf', after(time, -stall_timeout_ms), 'LIMIT', 0, ${scriptBound})
local outcomes = {}

for _, id in ipairs(overdue) do
  local task = read(id)
  if task and task.status == 'processing' then
    outcomes[#outcomes + 1] = id
    outcomes[#outcomes + 1] = task.priority
    outcomes[#outcomes + 1] = take_back(task, time, max_stalls)
    redis.call('PUBLISH', cancel_channel_key, id)
  else
    redis.call('ZREM', processing_key, id)
  end
end
return outcomes
`,
};

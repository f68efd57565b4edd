import type { Script } from './script.ts';

/**
 * Accepts the result of the attempt that owns the task. Sent twice, because a reply was lost, it answers the same.
 *
 * ARGV   1 id · 2 token · 3 result (JSON) · 4 when the attempt began (Unix ms)
 * Returns  'completed' | 'lost'
 */
export const completeScript: Script = {
  name: 'complete',
  lua: `
local id, token, result, began_at = unpack(ARGV)
local task = read(id)
if not task or task.token ~= token then return 'lost' end
if task.status ~= 'processing' then return task.status == 'completed' and 'completed' or 'lost' end

local time = now()
local took_ms = math.max(0, time - began_at)
finish(task, 'completed', time)
local request = redis.call('GET', content_key(id)) or ''
redis.call('SET', content_key(id), request .. '\\n' .. result)
emit(task, 'completed')
tally_duration(time, 'completed:' .. task.priority, took_ms)
tally(time, 'completed_ms', string.format('%d', took_ms))
if task.cost then tally(time, 'completed_cost', task.cost) end
return 'completed'
`,
};

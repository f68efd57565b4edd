import { histograms } from './lifecycle.lua.ts';
import { moves } from './moves.lua.ts';
import type { Script } from './script.ts';

/**
 * Accepts the result of the attempt that owns the task. Sent twice, because a reply was lost, it answers the same.
 *
 * ARGV   1 id · 2 token · 3 result (JSON)
 * Returns  'completed' | 'lost'
 */
export const completeScript: Script = {
  name: 'complete',
  lua: `${moves}${histograms}
local id, token, result = unpack(ARGV)
local task = read(id)
if not task or task.token ~= token then return 'lost' end
if task.status ~= 'processing' then return task.status == 'completed' and 'completed' or 'lost' end

local time = now()
local claimed_at = redis.call('ZSCORE', status_key('processing'), id) or time
finish(task, 'completed', time, 'result', result)
emit(task, 'completed')
observe(time, 'processed', time - claimed_at)
return 'completed'
`,
};

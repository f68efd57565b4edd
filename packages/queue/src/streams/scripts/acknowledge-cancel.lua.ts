import type { Script } from './script.ts';

/**
 * Ends an attempt that was stopped because the task's cancellation was requested.
 *
 * ARGV   1 id · 2 token
 * Returns  {'cancelled', how long ago that was requested (ms)} | 'lost'; sent twice, the second time without it
 */
export const acknowledgeCancelScript: Script = {
  name: 'acknowledge_cancel',
  lua: `
local id, token = unpack(ARGV)
local task = read(id)
if not task or task.token ~= token then return 'lost' end
if task.status ~= 'processing' then return task.status == 'cancelled' and { 'cancelled' } or 'lost' end

local time = now()
local after_ms = math.max(0, time - (task.cancel_requested or time))
end_cancelled(task, time)
return { 'cancelled', after_ms }
`,
};

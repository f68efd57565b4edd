import type { Script } from './script.ts';

/**
 * Ends an attempt that was stopped because the task's cancellation was requested.
 *
 * ARGV   1 id · 2 token
 * Returns  'cancelled' | 'lost'
 */
export const acknowledgeCancelScript: Script = {
  name: 'acknowledge_cancel',
  lua: `
local id, token = unpack(ARGV)
local task = read(id)
if not task or task.token ~= token then return 'lost' end
if task.status ~= 'processing' then return task.status == 'cancelled' and 'cancelled' or 'lost' end

end_cancelled(task, now())
return 'cancelled'
`,
};

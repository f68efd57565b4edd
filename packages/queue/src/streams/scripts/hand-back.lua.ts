import type { Script } from './script.ts';

/**
 * Gives a task back to where it stood in its queue, uncharged. A task whose cancellation was requested is cancelled.
 *
 * ARGV   1 id · 2 token · 3 checkpoint, or ''
 * Returns  'returned' | 'cancelled' | 'lost'
 */
export const handBackScript: Script = {
  name: 'hand_back',
  lua: `
local id, token, checkpoint = unpack(ARGV)
local task = read(id)
if not task or task.token ~= token then return 'lost' end
if task.status ~= 'processing' then
  local answers = { pending = 'returned', cancelled = 'cancelled' }
  return answers[task.status] or 'lost'
end

local time = now()
if task.cancel_requested then
  end_cancelled(task, time)
  return 'cancelled'
end
return_to_queue(task, time, 'returned')
if checkpoint ~= '' then
  redis.call('SET', checkpoint_key(id), checkpoint)
  redis.call('HSET', task_key(id), 'checkpointed', '1')
end
return 'returned'
`,
};

import type { Script } from './script.ts';

/**
 * Removes tasks that go on elsewhere, whatever their status, without a word to anyone: no event, nothing for the outbox.
 * Their audio stays: nobody is told to remove it.
 *
 * ARGV   ids
 */
export const forgetScript: Script = {
  name: 'forget',
  lua: `
local time = now()
for _, id in ipairs(ARGV) do
  local task = read(id)
  if task then
    if task.status == 'pending' or task.status == 'processing' then leave_queue(task) end
    remove_record(id, task, time)
    redis.call('ZREM', expiry_key, id)
  end
end
`,
};

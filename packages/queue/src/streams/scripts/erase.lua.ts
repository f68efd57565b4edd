import type { Script } from './script.ts';

/** How long the attempt of an erased task may still store artifacts: it should hear of it within seconds. */
const straggleMs = 900_000;

/**
 * Cancels a task that is not finished and removes its record. The index by time keeps the id until the janitor has
 * removed the artifacts, so no crash leaves any behind.
 *
 * ARGV   1 id
 * Returns  {'erased', priority of a task that was cancelled by it} | 'unknown'
 */
export const eraseScript: Script = {
  name: 'erase',
  lua: `
local id = ARGV[1]
local task = read(id)
if not task and redis.call('EXISTS', task_key(id)) == 0 then return 'unknown' end

local time = now()
local due = time
local cancelled = nil
if task and task.status == 'processing' then
  due = after(time, ${straggleMs})
  redis.call('PUBLISH', cancel_channel_key, id)
end
if task and (task.status == 'pending' or task.status == 'processing') then
  end_cancelled(task, time)
  task.status = 'cancelled'
  cancelled = task.priority
end
remove_record(id, task, time)
redis.call('ZADD', expiry_key, due, id)
return { 'erased', cancelled }
`,
};

import type { Script } from './script.ts';

/**
 * A task as it stands.
 *
 * ARGV   1 id
 * Returns  {its fields, its content} and, while it waits in a queue, its place there as `place` gives it; no fields for a
 *          task that is gone
 */
export const readScript: Script = {
  name: 'read',
  lua: `
local id = ARGV[1]
local fields = redis.call('HGETALL', task_key(id))
local status, priority
for index = 1, #fields, 2 do
  if fields[index] == 'status' then status = fields[index + 1] end
  if fields[index] == 'priority' then priority = fields[index + 1] end
end
local task = { fields, redis.call('GET', content_key(id)) }
if status == 'pending' and LEVEL[priority] then task[3], task[4] = place_of(id, priority) end
return task
`,
};

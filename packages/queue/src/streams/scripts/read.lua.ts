import type { Script } from './script.ts';

/**
 * Tasks as they stand.
 *
 * ARGV   their ids
 * Returns  for each {its fields, its content} and, while it waits in a queue, its place there as `place` gives it; no fields
 *          for a task that is gone, and an error in their place where its key holds something else
 */
export const readScript: Script = {
  name: 'read',
  lua: `
local tasks = {}
for position, id in ipairs(ARGV) do
  local fields = redis.pcall('HGETALL', task_key(id))
  local status, priority
  for index = 1, #fields, 2 do
    if fields[index] == 'status' then status = fields[index + 1] end
    if fields[index] == 'priority' then priority = fields[index + 1] end
  end
  local content = redis.pcall('GET', content_key(id))
  local task = { fields, type(content) == 'string' and content }
  if status == 'pending' and LEVEL[priority] then task[3], task[4] = place_of(id, priority) end
  tasks[position] = task
end
return tasks
`,
};

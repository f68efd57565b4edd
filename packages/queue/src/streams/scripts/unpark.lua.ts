import { type Script, scriptBound } from './script.ts';

/**
 * Lets the first parked tasks into their queues, in their old order.
 *
 * Returns  how many it looked at; 0 when none is parked
 */
export const unparkScript: Script = {
  name: 'unpark',
  lua: `
local page = redis.call('ZRANGE', parked_key, 0, ${scriptBound - 1})
for _, id in ipairs(page) do
  local task = read(id)
  -- Not one that was cancelled or has expired meanwhile.
  if task and task.status == 'pending' and not task.entry then
    redis.call('ZREM', delayed_key, id)
    join_queue(task)
  end
end
if #page > 0 then redis.call('ZREM', parked_key, unpack(page)) end
return #page
`,
};

import { type Script, scriptBound } from './script.ts';

/**
 * What lies before a fleet at one moment.
 *
 * Returns  {now, {priority, tasks waiting, their cost …}, tasks running,
 *           for each of those, the longest running first, at most 100: {id, claimed at, worker, cost, updated at, remaining ms},
 *           {paused priorities …}}
 */
export const backlogScript: Script = {
  name: 'backlog',
  lua: `
local waiting = {}
for priority in pairs(LEVEL) do
  waiting[#waiting + 1] = priority
  waiting[#waiting + 1] = redis.call('ZCARD', waiting_key(priority))
  waiting[#waiting + 1] = redis.call('HGET', backlog_key, priority) or '0'
end

local running = {}
local page = redis.call('ZRANGE', processing_key, 0, ${scriptBound - 1}, 'WITHSCORES')
for index = 1, #page, 2 do
  local values = redis.pcall('HMGET', task_key(page[index]), 'worker', 'cost', 'updatedAt', 'remainingMs')
  if not values.err then
    for at = 1, 4 do values[at] = values[at] or '' end
    running[#running + 1] = { page[index], page[index + 1], unpack(values) }
  end
end
return { now(), waiting, redis.call('ZCARD', processing_key), running, redis.call('SMEMBERS', paused_key) }
`,
};

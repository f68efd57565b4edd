import type { Script } from './script.ts';

/**
 * Adds minutes that are over, at most ten, to their hours and to the running totals. `rolledUntil` in the totals is the first
 * minute that is not in them yet: readers add that one and the later ones.
 *
 * Returns  1 there are more · 0
 */
export const rollUpScript: Script = {
  name: 'roll_up',
  lua: `
local this_minute = math.floor(now() / 60000)
local first = tonumber(redis.call('HGET', counters_key, 'rolledUntil') or this_minute - 1440)
first = math.max(first, this_minute - 1440)
local last = math.min(this_minute, first + 10) - 1

local function add(minute, field, amount)
  local hour = hour_key(math.floor(minute / 60))
  local count = redis.call('HINCRBY', hour, field, amount)
  if count == tonumber(amount) then redis.call('EXPIRE', hour, '691200') end
  redis.call('HINCRBY', counters_key, field, amount)
end

for minute = first, last do
  local tally = redis.call('HGETALL', minute_key(minute))
  for index = 1, #tally, 2 do
    if tally[index] ~= 'gone' then add(minute, tally[index], tally[index + 1]) end
  end
end
redis.call('HSET', counters_key, 'rolledUntil', last + 1)

-- Lost data may leave a sum for tasks that are gone; where nothing waits, it is known to be 0.
for priority in pairs(LEVEL) do
  if redis.call('ZCARD', waiting_key(priority)) == 0 then redis.call('HDEL', backlog_key, priority) end
end
return last + 1 < this_minute and 1 or 0
`,
};

/**
 * `schedule(id, at, time)`: notes when a task must be finished or is removed: in the list of that minute, which costs 40
 * bytes, and only where that minute has begun in the index that knows the very moment, which costs 120.
 * `reschedule(id, at, time)`: the same for a task that has been noted before. Its id in the list of another minute means
 * nothing any more: when that minute comes, the record says otherwise.
 */
const schedule = `
local function schedule(id, at, time)
  local minute = math.floor(at / 60000)
  if minute <= math.floor(time / 60000) then
    redis.call('ZADD', expiry_key, at, id)
    return
  end
  minute = string.format('%d', minute)
  if redis.call('RPUSH', expiring_key(minute), id) == 1 then
    redis.call('ZADD', expiring_minutes_key, minute, minute)
  end
end
`;
const reschedule = `
local function reschedule(id, at, time)
  redis.call('ZREM', expiry_key, id)
  schedule(id, at, time)
end
`;

/** Noting when tasks expire. */
export const expiry = [schedule, reschedule];

/**
 * `note_expiring(expiring, id, at, time)`, `schedule_noted(expiring)`: notes when tasks must be finished or are removed: in the
 * list of that minute, which costs 40 bytes, and only where that minute has begun in the index that knows the very moment,
 * which costs 120. One command for all of a minute.
 * `schedule(id, at, time)`: the same for one task.
 * `reschedule(id, at, time)`: the same for a task that has been noted before. Its id in the list of another minute means
 * nothing any more: when that minute comes, the record says otherwise.
 */
const noteExpiring = `
local function note_expiring(expiring, id, at, time)
  local minute = math.floor(at / 60000)
  if minute <= math.floor(time / 60000) then
    redis.call('ZADD', expiry_key, at, id)
    return
  end
  local of_minute = expiring[minute] or {}
  expiring[minute] = of_minute
  of_minute[#of_minute + 1] = id
end
`;
const scheduleNoted = `
local function schedule_noted(expiring)
  for number, ids in pairs(expiring) do
    local minute = string.format('%d', number)
    if redis.call('RPUSH', expiring_key(minute), unpack(ids)) == #ids then
      redis.call('ZADD', expiring_minutes_key, minute, minute)
    end
  end
end
`;
const schedule = `
local function schedule(id, at, time)
  local expiring = {}
  note_expiring(expiring, id, at, time)
  schedule_noted(expiring)
end
`;
const reschedule = `
local function reschedule(id, at, time)
  redis.call('ZREM', expiry_key, id)
  schedule(id, at, time)
end
`;

/** Noting when tasks expire. */
export const expiry = [noteExpiring, scheduleNoted, schedule, reschedule];

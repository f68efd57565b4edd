/**
 * `emit(task, type, status, ...)`: appends an event to the lifecycle stream; the rest are fields and values that the
 * event changed. The stream is capped, so an event may be trimmed before a slow reader has seen it: the record is
 * the truth, events are how one hears of it early.
 */
const emit = `
local function emit(task, type, status, ...)
  redis.call('XADD', lifecycle_key, 'MAXLEN', '~', LIFECYCLE_LENGTH, '*', 'id', task.id, 'type', type,
    'status', status, 'priority', task.priority, 'attempt', task.attempt, ...)
end
`;

/**
 * `tally(time, field, amount)`: adds to a running counter and to the buckets of this minute and this hour.
 * A field that is new to a bucket renews the bucket's TTL; other calls need not.
 */
const tally = `
local function tally(time, field, amount)
  redis.call('HINCRBY', counters_key, field, amount)
  local minute, hour = minute_key(math.floor(time / 60000)), hour_key(math.floor(time / 3600000))
  if redis.call('HINCRBY', minute, field, amount) == amount then redis.call('EXPIRE', minute, 90000) end
  if redis.call('HINCRBY', hour, field, amount) == amount then redis.call('EXPIRE', hour, 691200) end
end
`;

/**
 * `observe(time, name, ms)`: a duration into a histogram whose bucket n holds what lies in (1.1^(n−1), 1.1^n]
 * milliseconds, so a percentile read from it is at most 10 % too high.
 */
const observe = `
local function observe(time, name, ms)
  local bucket = ms <= 1 and 0 or math.ceil(math.log(ms) / math.log(1.1))
  tally(time, name .. ':' .. bucket, 1)
  tally(time, name .. '_ms', math.floor(ms))
end
`;

/** `count_existing(created_at, priority, change)`: notes that a task has come into being (1) or is removed (-1). */
const countExisting = `
local function count_existing(created_at, priority, change)
  local minute = math.floor(created_at / 60000)
  redis.call('HINCRBY', existing_key, priority, change)
  if redis.call('HINCRBY', existing_key, minute, change) <= 0 then redis.call('HDEL', existing_key, minute) end
end
`;

export const lifecycle = emit + tally + countExisting;
export const histograms = observe;

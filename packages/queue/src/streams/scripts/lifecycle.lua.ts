/**
 * `emit(task, type, ...)`: appends an event to the lifecycle stream; the rest are fields and values that the event
 * changed. The stream is capped, so an event may be trimmed before a slow reader has seen it: the record is the
 * truth, events are how one hears of it early.
 */
const emit = `
local function emit(task, type, ...)
  redis.call('XADD', lifecycle_key, 'MAXLEN', '~', LIFECYCLE_LENGTH, '*', 'id', task.id, 'type', type,
    'priority', task.priority, 'attempt', string.format('%d', task.attempt), ...)
end
`;

/**
 * `tally(time, field, amount)`: adds to the bucket of this minute; `roll-up.lua.ts` carries it on to hours and totals.
 * A field that is new to the bucket renews its TTL; other calls need not.
 */
const tally = `
local function tally(time, field, amount)
  local minute = minute_key(string.format('%d', time / 60000))
  local count = redis.call('HINCRBY', minute, field, amount)
  if count == tonumber(amount) then redis.call('EXPIRE', minute, '90000') end
end
`;

/**
 * `tally_duration(time, field, ms)`: counts under a field that also says how long it took: bucket n holds what lies in
 * (1.1^(n−1), 1.1^n] milliseconds, so a percentile read from the buckets is at most 10 % too high.
 */
const tallyDuration = `
local function tally_duration(time, field, ms)
  local bucket = ms <= 1 and 0 or math.ceil(math.log(ms) / math.log(1.1))
  tally(time, field .. ':' .. bucket, '1')
end
`;

/** Telling and counting what happened. */
export const lifecycle = [emit, tally, tallyDuration];

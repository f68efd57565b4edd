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
  local minute = minute_key(math.floor(time / 60000))
  local count = redis.call('HINCRBY', minute, field, amount)
  if count == tonumber(amount) then redis.call('EXPIRE', minute, '90000') end
end
`;

/**
 * `observe(time, name, ms)`: a duration into a histogram whose bucket n holds what lies in (1.1^(n−1), 1.1^n]
 * milliseconds, so a percentile read from it is at most 10 % too high.
 */
const observe = `
local function observe(time, name, ms)
  local bucket = ms <= 1 and 0 or math.ceil(math.log(ms) / math.log(1.1))
  tally(time, name .. ':' .. bucket, '1')
  tally(time, name .. '_ms', string.format('%d', math.max(0, ms)))
end
`;

export const lifecycle = emit + tally;
export const histograms = observe;

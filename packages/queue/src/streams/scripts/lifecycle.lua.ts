/**
 * `emit(task, type, ...)`: appends an event to the lifecycle stream and returns its id; the rest are fields and values
 * that the event changed. The stream is capped, so an event may be trimmed before a slow reader has seen it: the record is the
 * truth, events are how one hears of it early.
 */
const emit = `
local function emit(task, type, ...)
  return redis.call('XADD', lifecycle_key, 'MAXLEN', '~', LIFECYCLE_LENGTH, '*', 'id', task.id, 'type', type,
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
 * `add_to(sums, field, amount)`, `tally_sums(time, sums)`: the same for a script that goes through several tasks, with one
 * command for each field instead of one for each task.
 */
const addTo = `
local function add_to(sums, field, amount)
  sums[field] = (sums[field] or 0) + amount
end
`;
const tallySums = `
local function tally_sums(time, sums)
  for field, amount in pairs(sums) do tally(time, field, string.format('%d', amount)) end
end
`;

/**
 * `lasting(field, ms)`: a field that also says how long it took: bucket n holds what lies in (1.1^(n−1), 1.1^n]
 * milliseconds, so a percentile read from the buckets is at most 10 % too high.
 */
const lasting = `
local function lasting(field, ms)
  return field .. ':' .. (ms <= 1 and 0 or math.ceil(math.log(ms) / math.log(1.1)))
end
`;

/** Telling and counting what happened. */
export const lifecycle = [emit, tally, addTo, tallySums, lasting];

/**
 * `emit(task, type, ...)`: appends an event to the lifecycle stream and returns its id; the rest are fields and values
 * that the event changed. The stream is capped, so an event may be trimmed before a slow reader has seen it: the record is the
 * truth, events are how one hears of it early. The first event of a call trims; a call emits too few for more.
 */
const emit = `
local lifecycle_trimmed = false
local function emit(task, type, ...)
  if lifecycle_trimmed then
    return redis.call('XADD', lifecycle_key, '*', 'id', task.id, 'type', type, 'priority', task.priority, 'attempt', task.attempt, ...)
  end
  lifecycle_trimmed = true
  return redis.call('XADD', lifecycle_key, 'MAXLEN', '~', LIFECYCLE_LENGTH, '*', 'id', task.id, 'type', type,
    'priority', task.priority, 'attempt', task.attempt, ...)
end
`;

/**
 * `add_to(sums, field, amount)`: counts for a script that goes through several tasks.
 * `tally_sums(time, sums)`: adds what was counted to the bucket of this minute, with one command for each field;
 * `roll-up.lua.ts` carries it on to hours and totals. A field that is new to the bucket renews its TTL; others need not.
 * `tally(time, field, amount)`: the same for a single field.
 */
const addTo = `
local function add_to(sums, field, amount)
  sums[field] = (sums[field] or 0) + amount
end
`;
const tallySums = `
local function tally_sums(time, sums)
  local minute = minute_key(string.format('%d', time / 60000))
  for field, amount in pairs(sums) do
    local count = redis.call('HINCRBY', minute, field, amount == 1 and '1' or string.format('%d', amount))
    if count == amount then redis.call('EXPIRE', minute, '90000') end
  end
end
`;
const tally = `
local function tally(time, field, amount)
  tally_sums(time, { [field] = amount })
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
export const lifecycle = [emit, addTo, tallySums, tally, lasting];

/**
 * `now()`: the Redis server's clock in Unix milliseconds, as text. As text, because Redis writes every Lua number that
 * it is handed as a 17-digit float, which takes it longer than many a command. Use `tonumber` to compare.
 */
const now = `
local function now()
  local time = redis.call('TIME')
  return time[1] .. string.sub('00000' .. time[2], -6, -4)
end
`;

/** `time_of(entry)`: the time that the id of a stream entry begins with, which is when Redis gave it; as text. */
const timeOf = `
local function time_of(entry)
  return string.match(entry, '^%d+')
end
`;

/** `after(time, ms)`: so many milliseconds later, as text. */
const after = `
local function after(time, ms)
  return string.format('%d', time + ms)
end
`;

/**
 * `as_task(id, …)`: the part of a record that transitions decide by, from its fields, or nil for what is no record of
 * ours (an unknown status or priority, a number that is none).
 */
const asTask = `
local function as_task(id, status, priority, entry, attempt, max_attempts, stalls, token, cancel_requested, created_at,
    started_at, expires_at, worker, checkpointed, owner, notify, cost, stage, remaining_ms)
  if not STATUS[status] or not LEVEL[priority] then return nil end
  local task = {
    id = id, status = status, priority = priority, entry = entry ~= '' and entry or nil, attempt = attempt or '0',
    max_attempts = tonumber(max_attempts or 1), stalls = tonumber(stalls or 0), created_at = tonumber(created_at or 0),
    started_at = tonumber(started_at or 0), expires_at = tonumber(expires_at or 0), owner = owner or '',
  }
  if not (tonumber(task.attempt) and task.max_attempts and task.stalls and task.created_at and task.started_at and task.expires_at) then
    return nil
  end
  -- Only what there is: a table of more than 16 fields takes twice the time to make.
  if token then task.token = token end
  if worker then task.worker = worker end
  if cancel_requested then task.cancel_requested = cancel_requested end
  if checkpointed then task.checkpointed = checkpointed end
  if notify then task.notify = notify end
  if cost then task.cost = cost end
  if stage or remaining_ms then task.reported = true end
  return task
end
`;

/** `read(id)`: the same from its hash; nil too when there is none, or another type. */
const read = `
local function read(id)
  local values = redis.pcall('HMGET', task_key(id), 'status', 'priority', 'entry', 'attempt', 'maxAttempts',
    'stalls', 'token', 'cancelRequested', 'createdAt', 'startedAt', 'expiresAt', 'worker', 'checkpointed', 'owner', 'notify', 'cost',
    'stage', 'remainingMs')
  if values.err or not values[1] then return nil end
  return as_task(id, unpack(values, 1, 18))
end
`;

/**
 * `place_of(id, priority)`: how many tasks go before a waiting one in its queue, and how many wait in better queues;
 * nothing when it does not wait in a queue.
 */
const placeOf = `
local function place_of(id, priority)
  local before = redis.call('ZRANK', waiting_key(priority), id)
  if not before then return end
  local better = 0
  for name, level in pairs(LEVEL) do
    if level > LEVEL[priority] then better = better + redis.call('ZCARD', waiting_key(name)) end
  end
  return before, better
end
`;

/** Reading the clock and records. */
export const record = [now, timeOf, after, asTask, read, placeOf];

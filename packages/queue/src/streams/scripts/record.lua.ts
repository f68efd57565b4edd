/**
 * `now()`: the Redis server's clock in Unix milliseconds, as text; `after(time, ms)`: so much later, as text.
 * As text, because Redis writes every Lua number that it is handed as a 17-digit float, which takes it longer than
 * many a command. Use `tonumber` to compare.
 */
const clock = `
local function now()
  local time = redis.call('TIME')
  return time[1] .. string.sub('00000' .. time[2], -6, -4)
end

local function after(time, ms)
  return string.format('%d', time + ms)
end
`;

/**
 * `read(id)`: the part of a record that transitions decide by, or nil for none and for what is no record of ours
 * (another type under the key, an unknown status or priority).
 */
const readRecord = `
local function read(id)
  local values = redis.pcall('HMGET', task_key(id), 'status', 'priority', 'entry', 'attempt', 'maxAttempts',
    'stalls', 'token', 'cancelRequested', 'createdAt', 'startedAt', 'expiresAt', 'worker')
  if values.err or not STATUS[values[1]] or not LEVEL[values[2]] then return nil end
  return {
    id = id, status = values[1], priority = values[2], entry = values[3],
    attempt = tonumber(values[4] or 0), max_attempts = tonumber(values[5] or 1), stalls = tonumber(values[6] or 0),
    token = values[7], cancel_requested = values[8], created_at = tonumber(values[9] or 0),
    started_at = tonumber(values[10] or 0), expires_at = tonumber(values[11] or 0), worker = values[12],
  }
end
`;

export const record = clock + readRecord;

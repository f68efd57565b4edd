import type { Script } from './script.ts';

/** Arguments of one task, in this order; '' for what it has not. */
export const enqueueFields = [
  'id',
  'priority',
  'request',
  'ttlMs',
  'maxAttempts',
  'requestId',
  'idempotencyKey',
  'requestHash',
  'cost',
  'expectedMs',
] as const;

/**
 * Admits tasks, all or none. One whose id or idempotency key is known is not admitted again; it comes back as it
 * stands. The ids of one call differ, and so do its keys.
 *
 * ARGV   1 backlog limit · 2 how long an idempotency key is kept (ms) · then for each task the fields above
 * Returns  {'full', waiting} · {'mismatch', index} · {'admitted', for each task {now} or {id, content, field, value …}}
 */
export const enqueueScript: Script = {
  name: 'enqueue',
  lua: `
local limit, key_ttl_ms = tonumber(ARGV[1]), ARGV[2]
local fields = ${enqueueFields.length}

local function whole(id)
  local record = redis.call('HGETALL', task_key(id))
  return #record > 0 and { id, redis.call('GET', content_key(id)) or '', unpack(record) }
end

local function known(id, idempotency, request_hash)
  local record = whole(id)
  if record then return record end
  if idempotency == '' then return nil end
  local first = redis.call('GET', remembered_key(idempotency))
  if not first then return nil end
  local hash, first_id = string.match(first, '^(%S+) (%S+)$')
  record = whole(first_id)
  if not record then return nil end
  return hash == request_hash and record or 'mismatch'
end

local function admit(time, id, priority, request, ttl_ms, max_attempts, request_id, idempotency, request_hash, cost, expected_ms)
  local expires_at = after(time, ttl_ms)
  local task = { id = id, priority = priority, attempt = 0, cost = cost ~= '' and cost or nil }
  join_queue(task, 'status', 'pending', 'priority', priority, 'maxAttempts', max_attempts, 'createdAt', time, 'expiresAt', expires_at)
  redis.call('SET', content_key(id), request)
  if request_id ~= '' then redis.call('HSET', task_key(id), 'requestId', request_id) end
  if cost ~= '' then redis.call('HSET', task_key(id), 'cost', cost) end
  if expected_ms ~= '' then redis.call('HSET', task_key(id), 'expectedMs', expected_ms) end
  if idempotency ~= '' then
    redis.call('SET', remembered_key(idempotency), request_hash .. ' ' .. id, 'PX', key_ttl_ms)
  end
  redis.call('ZADD', expiry_key, expires_at, id)
  emit(task, 'created')
  tally(time, 'created:' .. priority, '1')
end

local answers, admitted = { 'admitted' }, {}
for first = 3, #ARGV, fields do
  local answer = known(ARGV[first], ARGV[first + 6], ARGV[first + 7])
  if answer == 'mismatch' then return { 'mismatch', (first - 3) / fields } end
  answers[#answers + 1] = answer or {}
  if not answer then admitted[#admitted + 1] = first end
end

local waiting = redis.call('ZCARD', delayed_key)
for name in pairs(LEVEL) do waiting = waiting + redis.call('ZCARD', waiting_key(name)) end
if #admitted > 0 and waiting + #admitted > limit then return { 'full', waiting } end

local time = now()
for _, first in ipairs(admitted) do
  admit(time, unpack(ARGV, first, first + fields - 1))
  answers[(first - 3) / fields + 2] = { time }
end
return answers
`,
};

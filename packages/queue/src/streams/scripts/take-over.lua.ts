import type { Script } from './script.ts';

/**
 * Takes over tasks from elsewhere as they stand there: finished, waiting for a retry, or waiting in their queue. Those
 * are parked until all are there, as streams know no order but that of arrival: `unpark` lets them in. A task that came
 * before, or that was here and has been removed, does not come again.
 *
 * ARGV   1 how long it is known who came (ms) · then for each task: id, status, priority, place in the queue's order or
 *        '', due time of a retry or '', created at, expires at, content, what the outbox says or '', dead since or '',
 *        idempotency key or '', request hash, how long that is kept (ms), owner, count of what follows, {field, value …} of the record
 * Returns  for each task 1 it came · 0 it was known
 */
export const takeOverScript: Script = {
  name: 'take_over',
  whenFull: 'refused',
  lua: `
local known_ms = ARGV[1]
local time = now()
local this_minute = math.floor(time / 60000)
local rolled_until = math.max(tonumber(redis.call('HGET', counters_key, 'rolledUntil') or 0), this_minute - 1439)

local function add(key, field, lasts)
  if redis.call('HINCRBY', key, field, '1') == 1 and lasts then redis.call('EXPIRE', key, lasts) end
end

-- Counted where it happened, so that ages stay true. A minute that is not rolled up yet is carried on from there.
local function tally_creation(task)
  local field, minute = 'created:' .. task.priority, math.floor(math.min(task.created_at, time) / 60000)
  if minute > this_minute - 1440 then add(minute_key(string.format('%d', minute)), field, '90000') end
  if minute >= rolled_until then return end
  redis.call('HINCRBY', counters_key, field, '1')
  if minute > this_minute - 10080 then add(hour_key(string.format('%d', minute / 60)), field, '691200') end
end

local function is_known(id)
  return redis.call('SISMEMBER', migrated_key, id) == 1 or redis.call('EXISTS', task_key(id), removed_key(id)) > 0
end

local function take_over(first)
  local id, status, priority, place, retry_at, created_at, expires_at, content, notify, dead_since,
    idempotency, request_hash, kept_ms, owner, fields = unpack(ARGV, first, first + 14)
  if is_known(id) then return 0 end
  local task = { id = id, priority = priority, attempt = '0', owner = owner, created_at = tonumber(created_at) }
  redis.call('HSET', task_key(id), 'status', status, 'priority', priority, 'createdAt', created_at, 'expiresAt', expires_at,
    unpack(ARGV, first + 15, first + 14 + fields))
  redis.call('SET', content_key(id), content)
  if notify ~= '' then redis.call('SET', notice_key(id), notify) end
  if idempotency ~= '' then
    redis.call('SET', remembered_key(owner .. ':' .. idempotency), request_hash .. ' ' .. id, 'PX', kept_ms, 'NX')
  end
  schedule(id, expires_at, time)
  list_as(task, status)
  tally_creation(task)
  if place ~= '' then
    redis.call('ZADD', parked_key, place, id)
    -- Never due: until it is let in, nobody takes it for one that was lost.
    redis.call('ZADD', delayed_key, '+inf', id)
  elseif retry_at ~= '' then
    redis.call('ZADD', delayed_key, retry_at, id)
  else
    redis.call('HINCRBY', counters_key, status .. ':' .. priority, '1')
  end
  if dead_since ~= '' then redis.call('ZADD', dead_key, dead_since, id) end
  if status == 'pending' then emit(task, 'created') end
  redis.call('SADD', migrated_key, id)
  return 1
end

local outcomes, first = {}, 2
while first <= #ARGV do
  outcomes[#outcomes + 1] = take_over(first)
  first = first + 15 + ARGV[first + 14]
end
redis.call('PEXPIRE', migrated_key, known_ms)
redis.call('PEXPIRE', parked_key, known_ms)
return outcomes
`,
};

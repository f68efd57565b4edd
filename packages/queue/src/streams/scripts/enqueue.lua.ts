import { moves } from './moves.lua.ts';
import type { Script } from './script.ts';

/**
 * Admits a task unless its id is known or the backlog is at its limit.
 *
 * ARGV   1 id · 2 priority · 3 request (JSON) · 4 ttl (ms) · 5 max attempts · 6 backlog limit · 7 request id or ''
 * Returns  {'created', now} · {'exists', field, value …} · {'full', waiting}
 */
export const enqueueScript: Script = {
  name: 'enqueue',
  lua: `${moves}
local id, priority, request, ttl_ms, max_attempts, limit, request_id = unpack(ARGV)

local known = redis.call('HGETALL', task_key(id))
if #known > 0 then return { 'exists', unpack(known) } end

local waiting = redis.call('ZCARD', delayed_key)
for name in pairs(LEVEL) do waiting = waiting + redis.call('ZCARD', waiting_key(name)) end
if waiting >= tonumber(limit) then return { 'full', waiting } end

local time = now()
local expires_at = time + ttl_ms
local task = { id = id, priority = priority, attempt = 0 }
redis.call('HSET', task_key(id), 'status', 'pending', 'priority', priority, 'request', request,
  'maxAttempts', max_attempts, 'createdAt', time, 'expiresAt', expires_at)
if request_id ~= '' then redis.call('HSET', task_key(id), 'requestId', request_id) end
redis.call('ZADD', expiry_key, expires_at, id)
join_queue(task)
emit(task, 'created', 'pending')
tally(time, 'created:' .. priority, 1)
return { 'created', time }
`,
};

import { aloneAfterStalls } from '../../held-claims.ts';
import { type Script, scriptBound } from './script.ts';

/**
 * Takes the best waiting tasks that the worker may take. Queues are tried best first; one whose oldest task has
 * waited n ageing periods counts n levels higher, so a task waits at most for what was submitted less than
 * (its levels below the best + 1) periods after it. Inside a queue, returned entries go before new ones.
 * Entries that are no claimable task are cleaned away on the way, at most 100 in one call.
 *
 * A task that must be alone goes to a worker that holds nothing, and nothing is claimed past it: a worker that holds
 * something waits until it has ended.
 *
 * ARGV   1 worker · 2 ageing period (ms, 0 = none) · 3 how many tasks · 4 1 if the worker holds some, else 0
 *        · a new token for each · priorities
 * Returns  {'done' | 'again' | 'held_back', {priority, task id, reason …} of discarded entries,
 *           for each task {id, has checkpoint (0 | 1), content, {field, value …}}}
 */
export const claimScript: Script = {
  name: 'claim',
  lua: `
local worker, ageing_ms, wanted = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local holds_some = ARGV[4] == '1'
local time = now()
local discarded = {}

local paused = {}
for _, priority in ipairs(redis.call('SMEMBERS', paused_key)) do paused[priority] = true end

local function better(a, b)
  if a.level ~= b.level then return a.level > b.level end
  return LEVEL[a.priority] > LEVEL[b.priority]
end

-- A queue that may be claimed from, and its level; nil for one that holds no tasks, which the index knows at once.
local function look_at(priority)
  if paused[priority] then return nil end
  local oldest = redis.call('ZRANGE', waiting_key(priority), '0', '0', 'WITHSCORES')[2]
  if not oldest then return nil end
  local lift = ageing_ms > 0 and math.floor((time - oldest) / ageing_ms) or 0
  return { priority = priority, level = LEVEL[priority] + lift }
end

local function next_entry(stream)
  for _, pending in ipairs(redis.call('XPENDING', stream, GROUP, '-', '+', '10', RETURNED)) do
    -- Nil when the entry itself is gone; the attempt to claim it has then removed the ghost from the group.
    local entry = redis.call('XCLAIM', stream, GROUP, worker, '0', pending[1])[1]
    if entry then return entry end
  end
  local read = redis.call('XREADGROUP', 'GROUP', GROUP, worker, 'COUNT', '1', 'STREAMS', stream, '>')
  return read and read[1][2][1]
end

local function task_id(entry)
  for index = 1, #entry[2], 2 do
    if entry[2][index] == 'id' then return entry[2][index + 1] end
  end
end

-- The record's fields in one read: what the script decides by, and what the worker gets.
local function read_whole(id)
  local fields = redis.pcall('HGETALL', task_key(id))
  if fields.err then return nil end
  -- Room for all from the start; growing by one field after the other would cost more than reading them.
  local record = { status = nil, priority = nil, entry = nil, attempt = nil, maxAttempts = nil, stalls = nil, token = nil,
    cancelRequested = nil, createdAt = nil, startedAt = nil, expiresAt = nil, worker = nil, checkpointed = nil, owner = nil, notify = nil, cost = nil }
  for index = 1, #fields, 2 do record[fields[index]] = fields[index + 1] end
  return as_task(id, record.status, record.priority, record.entry, record.attempt, record.maxAttempts, record.stalls,
    record.token, record.cancelRequested, record.createdAt, record.startedAt, record.expiresAt, record.worker,
    record.checkpointed, record.owner, record.notify, record.cost), fields
end

-- Why an entry is not to be worked on, or nil; ends the task where that is due.
local function unfit(priority, entry, id, task)
  if not id then
    set_aside('entry-' .. entry[1], priority, time, 'An entry of the work stream names no task', entry[2])
    return 'no_id'
  end
  if not task then
    if redis.call('EXISTS', task_key(id)) == 0 then return 'no_record' end
    set_aside(id, priority, time, 'What is stored under the key of the task is no task', {})
    return 'corrupt_record'
  end
  if task.entry ~= entry[1] or task.priority ~= priority then return 'superseded' end
  if task.status == 'processing' then return 'processing' end
  if task.status ~= 'pending' then return 'finished' end
  if task.expires_at <= tonumber(time) then
    expire(task, time)
    return 'expired'
  end
end

local function discard(priority, entry, id, reason)
  if reason == 'processing' then
    -- Delivered a second time, after reconciliation: the lease belongs to the worker that has the task.
    local owner = read(id).worker
    if owner then redis.call('XCLAIM', stream_key(priority), GROUP, owner, 0, entry[1], 'JUSTID') end
  else
    redis.call('XACK', stream_key(priority), GROUP, entry[1])
    redis.call('XDEL', stream_key(priority), entry[1])
  end
  if id and reason ~= 'superseded' then redis.call('ZREM', waiting_key(priority), id) end
  discarded[#discarded + 1] = priority
  discarded[#discarded + 1] = id or ''
  discarded[#discarded + 1] = reason
end

local function take(task, fields, token)
  local key = task_key(task.id)
  local first_time = task.started_at == 0
  stop_waiting(task)
  if not first_time then
    redis.call('HDEL', key, 'error', 'frame', 'frames', 'remainingMs')
    fields = redis.call('HGETALL', key)
  end
  task.attempt = task.attempt + 1
  local changes = { 'status', 'processing', 'token', token, 'worker', worker,
    'attempt', string.format('%d', task.attempt), 'updatedAt', time,
    'startedAt', first_time and time or string.format('%d', task.started_at) }
  redis.call('HSET', key, unpack(changes))
  redis.call('ZADD', processing_key, time, task.id)
  list_as(task, 'processing')
  emit(task, 'claimed')
  if first_time then
    tell(task, 'processing', time)
    tally_duration(time, 'claimed:' .. task.priority, time - task.created_at)
  end
  -- A field that stands twice counts as it stands last.
  for _, change in ipairs(changes) do fields[#fields + 1] = change end
  local content = redis.call('GET', content_key(task.id)) or ''
  return { task.id, task.checkpointed and 1 or 0, content, fields }
end

-- The first claimable task of a queue and its fields, or nil: there is none, or so much was cleaned away that it is
-- enough for one call.
local function next_task(priority)
  local entry = next_entry(stream_key(priority))
  while entry do
    local id = task_id(entry)
    local task, fields = nil, nil
    if id then task, fields = read_whole(id) end
    local reason = unfit(priority, entry, id, task)
    if not reason then return task, fields end
    discard(priority, entry, id, reason)
    if #discarded >= ${scriptBound * 3} then return nil end
    entry = next_entry(stream_key(priority))
  end
end

local queues, taken = {}, {}
for index = 5 + wanted, #ARGV do queues[#queues + 1] = look_at(ARGV[index]) end

while #taken < wanted and #queues > 0 do
  table.sort(queues, better)
  local priority = queues[1].priority
  local task, fields = next_task(priority)
  if #discarded >= ${scriptBound * 3} then return { 'again', discarded, unpack(taken) } end
  local alone = task and task.stalls >= ${aloneAfterStalls}
  if alone and (holds_some or #taken > 0) then
    redis.call('XCLAIM', stream_key(priority), GROUP, RETURNED, 0, task.entry, 'JUSTID')
    -- Whoever was woken for it cannot take it: another may.
    ring(priority)
    return { 'held_back', discarded, unpack(taken) }
  end
  if task then taken[#taken + 1] = take(task, fields, ARGV[5 + #taken]) end
  if alone then return { 'done', discarded, unpack(taken) } end
  -- The oldest task is another one now, or there is none.
  local queue = task and #taken < wanted and look_at(priority)
  if queue then queues[1] = queue else table.remove(queues, 1) end
end

if #taken < wanted then
  -- All these queues are empty at this moment, so whatever their bells still hold announces nothing.
  local bells = {}
  for index = 5 + wanted, #ARGV do bells[#bells + 1] = bell_key(ARGV[index]) end
  redis.call('DEL', unpack(bells))
end
return { 'done', discarded, unpack(taken) }
`,
};

/**
 * `look_at(priority, ageing_ms, time)`: a queue that may be claimed from: its level, by how much its age lifts that, and
 * when it will next; nil for one that holds no tasks, which the index knows at once.
 */
const lookAt = `
local function look_at(priority, ageing_ms, time)
  local oldest = redis.call('ZRANGE', waiting_key(priority), '0', '0', 'WITHSCORES')[2]
  if not oldest then return nil end
  local lift = ageing_ms > 0 and math.max(0, math.floor((time - oldest) / ageing_ms)) or 0
  return { priority = priority, level = LEVEL[priority] + lift, lift = lift, ages_at = oldest + (lift + 1) * ageing_ms }
end
`;

/** `best_of(queues)`: the place of the queue to claim from next; of equal levels, the better priority. */
const bestOf = `
local function best_of(queues)
  local best = 1
  for place = 2, #queues do
    local a, b = queues[place], queues[best]
    if a.level > b.level or (a.level == b.level and LEVEL[a.priority] > LEVEL[b.priority]) then best = place end
  end
  return best
end
`;

/**
 * `next_entries(worker, queue, count)`: the next entries of a queue, now the worker's: one that was returned, else up to
 * `count` new ones; and whether the queue has no more.
 */
const nextEntries = `
local function next_entries(worker, queue, count)
  local stream = stream_key(queue.priority)
  if queue.some_returned then
    local page = redis.call('XPENDING', stream, GROUP, '-', '+', '10', RETURNED)
    for _, pending in ipairs(page) do
      -- Nil when the entry itself is gone; the attempt to claim it has then removed the ghost from the group.
      local entry = redis.call('XCLAIM', stream, GROUP, worker, '0', pending[1])[1]
      if entry then return { entry }, false end
    end
    if #page == 0 then
      queue.some_returned = false
      redis.call('SREM', returned_key, 'returned:' .. queue.priority)
    end
  end
  local read = redis.call('XREADGROUP', 'GROUP', GROUP, worker, 'COUNT', string.format('%d', count), 'STREAMS', stream, '>')
  local entries = read and read[1][2] or {}
  return entries, #entries < count
end
`;

const taskId = `
local function task_id(entry)
  for index = 1, #entry[2], 2 do
    if entry[2][index] == 'id' then return entry[2][index + 1] end
  end
end
`;

/** `read_whole(id)`: a record in one read: what scripts decide by, and all its fields, which the worker gets. */
const readWhole = `
local function read_whole(id)
  local fields = redis.pcall('HGETALL', task_key(id))
  if fields.err then return nil end
  -- Room for what is usual from the start; growing by one field after the other would cost more than reading them.
  local record = { status = nil, priority = nil, entry = nil, attempt = nil, maxAttempts = nil, stalls = nil, createdAt = nil,
    startedAt = nil, expiresAt = nil, worker = nil, checkpointed = nil, owner = nil, notify = nil, cost = nil, requestId = nil,
    expectedMs = nil }
  for index = 1, #fields, 2 do record[fields[index]] = fields[index + 1] end
  return as_task(id, record.status, record.priority, record.entry, record.attempt, record.maxAttempts, record.stalls,
    record.token, record.cancelRequested, record.createdAt, record.startedAt, record.expiresAt, record.worker,
    record.checkpointed, record.owner, record.notify, record.cost, record.stage, record.remainingMs), fields
end
`;

/** `unfit(priority, entry, id, task, time)`: why an entry is not to be worked on, or nil; ends the task where that is due. */
const unfit = `
local function unfit(priority, entry, id, task, time)
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
`;

/** `discard(discarded, priority, entry, id, task, reason)`: cleans an entry away that is not to be worked on. */
const discard = `
local function discard(discarded, priority, entry, id, task, reason)
  if reason == 'processing' then
    -- Delivered a second time, after reconciliation: the lease belongs to the worker that has the task.
    if task.worker then redis.call('XCLAIM', stream_key(priority), GROUP, task.worker, 0, entry[1], 'JUSTID') end
  else
    redis.call('XACK', stream_key(priority), GROUP, entry[1])
    redis.call('XDEL', stream_key(priority), entry[1])
  end
  if id and reason ~= 'superseded' then redis.call('ZREM', waiting_key(priority), id) end
  discarded[#discarded + 1] = priority
  discarded[#discarded + 1] = id or ''
  discarded[#discarded + 1] = reason
end
`;

/** What waits in the queues, entry by entry. */
export const entries = [lookAt, bestOf, nextEntries, taskId, readWhole, unfit, discard];

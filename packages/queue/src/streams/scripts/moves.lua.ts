/**
 * `store_end(task, status, time, ...)`: writes a terminal status into the record and tells of it; the rest are fields of
 * the record to set. Streams and indexes are the caller's.
 */
const storeEnd = `
local function store_end(task, status, time, ...)
  local key = task_key(task.id)
  redis.call('HSET', key, 'status', status, 'finishedAt', time, 'entry', '', ...)
  if task.status ~= 'processing' or task.reported or task.cancel_requested or task.checkpointed then
    redis.call('HDEL', key, 'stage', 'retryAt', 'cancelRequested', 'checkpointed', 'remainingMs')
  end
  if task.checkpointed then redis.call('DEL', checkpoint_key(task.id)) end
  tell(task, status, time)
end
`;

/** `finish(task, status, time, ...)`: gives a task its terminal status; the rest are fields of the record to set. */
const finish = `
local function finish(task, status, time, ...)
  leave_queue(task)
  store_end(task, status, time, ...)
  list_as(task, status)
end
`;

/** `end_cancelled(task, time)`: ends a task whose cancellation was requested. */
const endCancelled = `
local function end_cancelled(task, time)
  finish(task, 'cancelled', time)
  emit(task, 'cancelled')
  tally(time, 'cancelled:' .. task.priority, 1)
end
`;

/** `end_failed(task, time, error)`: ends a task as failed. */
const endFailed = `
local function end_failed(task, time, error)
  finish(task, 'failed', time, 'error', error)
  emit(task, 'failed', 'error', error)
  tally(time, 'failed:' .. task.priority, 1)
end
`;

/** `bury(task, time, error)`: ends a task as failed and as a dead letter. */
const bury = `
local function bury(task, time, error)
  end_failed(task, time, error)
  redis.call('ZADD', dead_key, time, task.id)
end
`;

/**
 * `expire(task, time)`: ends a task that was not finished in time. Its record stays a while longer, so that whoever
 * asks for it learns what became of it; a worker that still runs it is told to stop.
 */
const expire = `
local function expire(task, time)
  local was_running = task.status == 'processing'
  local removed_at = after(time, EXPIRED_RETENTION_MS)
  finish(task, 'expired', time, 'expiresAt', removed_at)
  reschedule(task.id, removed_at, time)
  emit(task, 'expired')
  tally(time, 'expired:' .. task.priority, 1)
  if was_running then redis.call('PUBLISH', cancel_channel_key, task.id) end
end
`;

/**
 * `return_to_queue(task, time, event)`: puts a task whose attempt ended without a verdict back to where it stood,
 * uncharged. The entry goes to the consumer `returned`; if it has vanished from the group, a new one takes its place.
 */
const returnToQueue = `
local function return_to_queue(task, time, event)
  local key = task_key(task.id)
  local held = task.entry and hand_over(task.priority, { task.entry }) or {}
  redis.call('ZREM', processing_key, task.id)
  task.attempt = string.format('%d', math.max(0, task.attempt - 1))
  redis.call('HSET', key, 'status', 'pending', 'attempt', task.attempt, 'stalls', task.stalls, 'updatedAt', time)
  redis.call('HDEL', key, 'worker', 'stage', 'remainingMs')
  if #held == 0 then
    join_queue(task)
  else
    start_waiting(task, queue_score(task.entry))
    list_as(task, 'pending')
    ring(task.priority)
  end
  emit(task, event)
  tally(time, event .. ':' .. task.priority, 1)
end
`;

/**
 * `take_back(task, time, max_stalls)`: what becomes of a task whose worker is lost. Losses are counted apart from
 * failed attempts, so that neither a bad deploy uses up a task's retries nor a task that kills its workers goes on.
 */
const takeBack = `
local function take_back(task, time, max_stalls)
  if task.cancel_requested then
    end_cancelled(task, time)
    return 'cancelled'
  end
  task.stalls = task.stalls + 1
  if task.stalls > max_stalls then
    bury(task, time, 'worker_lost The task lost ' .. task.stalls .. ' workers')
    redis.call('HSET', task_key(task.id), 'stalls', task.stalls)
    return 'buried'
  end
  return_to_queue(task, time, 'stalled')
  return 'returned'
end
`;

/**
 * `remove_record(id, task, time)`: removes what is stored of a finished task, or, with `false` for the task, of one
 * that has no readable record. For a day it is known that there was one. The index by time is the caller's.
 */
const removeRecord = `
local function remove_record(id, task, time)
  redis.call('DEL', task_key(id), content_key(id), checkpoint_key(id), notice_key(id))
  redis.call('SET', removed_key(id), '1', 'EX', '86400')
  redis.call('ZREM', dead_key, id)
  if not task then return end
  redis.call('ZREM', owned_key(task.owner), id)
  tally(time, 'removed:' .. task.priority .. ':' .. task.status, 1)
  -- Noted in the buckets of the submission too: ages are read there.
  local hour = hour_key(math.floor(task.created_at / 3600000))
  if redis.call('HINCRBY', hour, 'gone', '1') == 1 then redis.call('EXPIRE', hour, '691200') end
  if time - task.created_at < 3600000 then tally(task.created_at, 'gone', 1) end
end
`;

/** Moving a task between queue, worker and its terminal status. */
export const moves = [
  storeEnd,
  finish,
  endCancelled,
  endFailed,
  bury,
  expire,
  returnToQueue,
  takeBack,
  removeRecord,
];

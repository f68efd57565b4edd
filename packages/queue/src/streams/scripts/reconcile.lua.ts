import type { Script } from './script.ts';

/**
 * Compares some tasks with stream, group and indexes and repairs what does not agree. The transitions cannot
 * cause that; lost writes, a deleted key or a deleted consumer can.
 *
 * ARGV   their ids, at most 100
 * Returns  {id, what was repaired …}
 */
export const reconcileScript: Script = {
  name: 'reconcile',
  lua: `
local repaired = {}

local function repair(id, what)
  if repaired[#repaired - 1] == id then return end
  repaired[#repaired + 1] = id
  repaired[#repaired + 1] = what
end

local delivered = {}
local function was_delivered(priority, entry)
  if not delivered[priority] then
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream_key(priority))) do
      if group[2] == GROUP then delivered[priority] = tonumber(queue_score(group[8])) end
    end
  end
  return tonumber(queue_score(entry)) <= delivered[priority]
end

local function is_held(task)
  return #redis.call('XPENDING', stream_key(task.priority), GROUP, task.entry, task.entry, 1) > 0
end

local function exists(task)
  return #redis.call('XRANGE', stream_key(task.priority), task.entry, task.entry) > 0
end

-- A claim reaches what is held by the consumer 'returned' and what the group has not delivered yet.
local function check_pending(task)
  if not task.entry then
    if not redis.call('ZSCORE', delayed_key, task.id) then
      join_queue(task)
      repair(task.id, 'requeued')
    end
    return
  end
  local claimable = exists(task) and (is_held(task) or not was_delivered(task.priority, task.entry))
  if not claimable then
    leave_queue(task)
    join_queue(task)
    repair(task.id, 'requeued')
  elseif not redis.call('ZSCORE', waiting_key(task.priority), task.id) then
    start_waiting(task, queue_score(task.entry))
    repair(task.id, 'indexed')
  end
end

-- Without a held entry no lease can lapse. A fresh one goes to the worker that has the task: if it lives, it renews it.
local function check_processing(task)
  if not redis.call('ZSCORE', processing_key, task.id) then
    redis.call('ZADD', processing_key, task.started_at, task.id)
    repair(task.id, 'indexed')
  end
  if task.entry and is_held(task) then return end
  local entry = task.entry
  if not entry or not exists(task) then
    entry = redis.call('XADD', stream_key(task.priority), '*', 'id', task.id)
    redis.call('HSET', task_key(task.id), 'entry', entry)
  end
  redis.call('XCLAIM', stream_key(task.priority), GROUP, task.worker or RETURNED, 0, entry, 'FORCE', 'JUSTID')
  repair(task.id, 'leased')
end

local function check_listed(task)
  local before = redis.call('ZSCORE', owned_key(task.owner), task.id)
  list_as(task, task.status)
  if redis.call('ZSCORE', owned_key(task.owner), task.id) ~= before then repair(task.id, 'indexed') end
end

for _, id in ipairs(ARGV) do
  local task = read(id)
  if task and task.status == 'pending' then
    check_pending(task)
  elseif task and task.status == 'processing' then
    check_processing(task)
  end
  if task then check_listed(task) end
end
return repaired
`,
};

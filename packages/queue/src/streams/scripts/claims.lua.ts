import { aloneAfterStalls } from '../../held-claims.ts';
import { scriptBound } from './script.ts';

/** `begin(task, fields, token, worker, time)`: makes a new attempt of the record; the caller moves it between the indexes. */
const begin = `
local function begin(task, fields, token, worker, time)
  local key = task_key(task.id)
  local first_time = task.started_at == 0
  if not first_time then
    redis.call('HDEL', key, 'error', 'frame', 'frames', 'remainingMs')
    fields = redis.call('HGETALL', key)
  end
  task.attempt = task.attempt + 1
  local changes = { 'status', 'processing', 'token', token, 'worker', worker,
    'attempt', string.format('%d', task.attempt), 'updatedAt', time,
    'startedAt', first_time and time or string.format('%d', task.started_at) }
  redis.call('HSET', key, unpack(changes))
  emit(task, 'claimed')
  if first_time then tell(task, 'processing', time) end
  -- A field that stands twice counts as it stands last.
  for _, change in ipairs(changes) do fields[#fields + 1] = change end
  task.fields, task.first_time = fields, first_time
end
`;

/** `start_running(tasks, time)`: moves tasks between the indexes, as many as possible with one command. */
const startRunning = `
local function start_running(tasks, time)
  if #tasks == 0 then return end
  local waited, freed, running, sums = {}, {}, {}, {}
  for _, task in ipairs(tasks) do
    local priority = task.priority
    if task.cost then
      local left = redis.call('ZREM', waiting_key(priority), task.id)
      if left == 1 then add_to(freed, priority, tonumber(task.cost) or 0) end
    else
      waited[priority] = waited[priority] or {}
      table.insert(waited[priority], task.id)
    end
    running[#running + 1] = time
    running[#running + 1] = task.id
    if task.first_time then add_to(sums, lasting('claimed:' .. priority, time - task.created_at), 1) end
  end
  for priority, ids in pairs(waited) do redis.call('ZREM', waiting_key(priority), unpack(ids)) end
  for priority, cost in pairs(freed) do redis.pcall('HINCRBY', backlog_key, priority, string.format('%d', -cost)) end
  redis.call('ZADD', processing_key, unpack(running))
  list_all_as(tasks, 'processing')
  tally_sums(time, sums)
end
`;

/**
 * `fill(claim)`: takes tasks until there are enough, and says how it ended. Several entries of a queue are read at once
 * where no age lifts any queue, because then nothing of another queue can come in between.
 */
const fill = `
local function fill(claim)
  local worker, time, taken, discarded, queues = claim.worker, claim.time, claim.taken, claim.discarded, {}
  local some_aged = false

  local function give_back(priority, entries, from)
    local ids = {}
    for index = from, #entries do ids[#ids + 1] = entries[index][1] end
    if #ids == 0 then return end
    ids[#ids + 1] = 'JUSTID'
    redis.call('XCLAIM', stream_key(priority), GROUP, RETURNED, '0', unpack(ids))
  end

  local function take_all(priority, entries)
    for index, entry in ipairs(entries) do
      local id = task_id(entry)
      local task, fields = nil, nil
      if id then task, fields = read_whole(id) end
      local reason = unfit(priority, entry, id, task, time)
      local alone = not reason and task.stalls >= ${aloneAfterStalls}
      if reason then
        discard(discarded, priority, entry, id, task, reason)
      elseif alone and (claim.holds_some or #taken > 0) then
        give_back(priority, entries, index)
        -- Whoever was woken for it cannot take it: another may.
        ring(priority)
        return 'held_back'
      else
        taken[#taken + 1] = task
        claim.unsettled[#claim.unsettled + 1] = task
        begin(task, fields, claim.tokens[#taken], worker, time)
        if alone then
          give_back(priority, entries, index + 1)
          return 'done'
        end
      end
    end
  end

  local paused = {}
  for _, priority in ipairs(redis.call('SMEMBERS', paused_key)) do paused[priority] = true end
  for _, priority in ipairs(claim.priorities) do
    local queue = not paused[priority] and look_at(priority, claim.ageing_ms, time)
    if queue then
      queues[#queues + 1] = queue
      some_aged = some_aged or queue.lift > 0
    end
  end

  while #taken < claim.wanted and #queues > 0 do
    local place = best_of(queues)
    local queue = queues[place]
    local entries, exhausted = next_entries(worker, queue, some_aged and 1 or claim.wanted - #taken)
    local outcome = take_all(queue.priority, entries)
    if outcome then return outcome end
    if #discarded >= ${scriptBound * 3} then return 'again' end
    if exhausted then
      table.remove(queues, place)
    elseif some_aged and #taken < claim.wanted then
      -- The oldest task is another one now, or there is none.
      claim.settle()
      local none_returned = queue.none_returned
      queue = look_at(queue.priority, claim.ageing_ms, time)
      if queue then
        queue.none_returned = none_returned
        queues[place] = queue
      else
        table.remove(queues, place)
      end
    end
  end

  if #taken < claim.wanted then
    -- All these queues are empty at this moment, so whatever their bells still hold announces nothing.
    local bells = {}
    for index, priority in ipairs(claim.priorities) do bells[index] = bell_key(priority) end
    redis.call('DEL', unpack(bells))
  end
  return 'done'
end
`;

/**
 * `claim_tasks(first, time)`: takes the best waiting tasks that the worker may take. Queues are tried best first; one whose
 * oldest task has waited n ageing periods counts n levels higher, so a task waits at most for what was submitted less
 * than (its levels below the best + 1) periods after it. Inside a queue, returned entries go before new ones. Entries
 * that are no claimable task are cleaned away on the way, about 100 in one call.
 *
 * A task that must be alone goes to a worker that holds nothing, and nothing is claimed past it: a worker that holds
 * something waits until it has ended.
 *
 * ARGV from `first` on and what it returns: as of `claim.lua.ts`.
 */
const claimTasks = `
local function claim_tasks(first, time)
  local wanted = tonumber(ARGV[first + 2])
  local claim = {
    worker = ARGV[first], ageing_ms = tonumber(ARGV[first + 1]), wanted = wanted, holds_some = ARGV[first + 3] == '1',
    tokens = { unpack(ARGV, first + 4, first + 3 + wanted) }, priorities = { unpack(ARGV, first + 4 + wanted) },
    time = time, taken = {}, discarded = {}, unsettled = {},
  }
  function claim.settle()
    start_running(claim.unsettled, time)
    claim.unsettled = {}
  end
  local filled, outcome = pcall(function() return fill(claim) end)
  claim.settle()
  if not filled then
    -- What was taken is the worker's; if the trouble lasts, the next call meets it first.
    if #claim.taken == 0 then error(outcome, 0) end
    outcome = 'done'
  end
  local reply, content_keys = { outcome, claim.discarded }, {}
  for index, task in ipairs(claim.taken) do content_keys[index] = content_key(task.id) end
  local contents = #content_keys > 0 and redis.call('MGET', unpack(content_keys))
  for index, task in ipairs(claim.taken) do
    reply[#reply + 1] = { task.id, task.checkpointed and 1 or 0, contents[index] or '', task.fields }
  end
  return reply
end
`;

/** Claiming tasks. */
export const claims = [begin, startRunning, fill, claimTasks];

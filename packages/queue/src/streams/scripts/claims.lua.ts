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
  task.attempt = string.format('%d', task.attempt + 1)
  local changes = { 'status', 'processing', 'token', token, 'worker', worker, 'attempt', task.attempt,
    first_time and 'startedAt' or 'updatedAt', time }
  redis.call('HSET', key, unpack(changes))
  emit(task, 'claimed')
  if first_time then tell(task, 'processing', time) end
  task.fields, task.changes, task.first_time = fields, changes, first_time
end
`;

/** `start_running(tasks, time, book)`: moves tasks between the indexes, as many as possible with one command. */
const startRunning = `
local function start_running(tasks, time, book)
  if #tasks == 0 then return end
  local waited, freed, running = {}, {}, {}
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
    note_listed(book.listed, task, 'processing')
    if task.first_time then add_to(book.sums, lasting('claimed:' .. priority, time - task.created_at), 1) end
  end
  for priority, ids in pairs(waited) do redis.call('ZREM', waiting_key(priority), unpack(ids)) end
  for priority, cost in pairs(freed) do redis.pcall('HINCRBY', backlog_key, priority, string.format('%d', -cost)) end
  redis.call('ZADD', processing_key, unpack(running))
end
`;

/**
 * `queues_of(claim)`: the queues to claim from, and whether age lifts one of them. Until the time that an earlier call has
 * said, none has aged that far unless something was returned to it, and then nobody needs to look: a queue that is not
 * looked at may turn out to be empty.
 */
const queuesOf = `
local function queues_of(claim)
  local queues, some_aged, marks, marked = {}, false, {}, redis.call('SUNION', paused_key, returned_key)
  for _, mark in ipairs(marked) do marks[mark] = true end
  local look = claim.ageing_ms > 0 and (#marked > 0 or tonumber(claim.time) >= claim.unaged_until)
  local unaged_until = claim.time + claim.ageing_ms
  for _, priority in ipairs(claim.priorities) do
    local queue = nil
    if marks[priority] then
      -- Nobody knows how old its tasks are when it goes on.
      unaged_until = 0
    elseif look then
      queue = look_at(priority, claim.ageing_ms, claim.time)
      -- What is held for whoever claims next waits, too; so nothing is held.
      if not queue and marks['returned:' .. priority] then redis.call('SREM', returned_key, 'returned:' .. priority) end
    else
      queue = { priority = priority, level = LEVEL[priority], lift = 0 }
    end
    if queue then
      queue.some_returned = marks['returned:' .. priority]
      queues[#queues + 1] = queue
      some_aged = some_aged or queue.lift > 0
      if look then unaged_until = math.min(unaged_until, queue.ages_at) end
    end
  end
  if look then claim.unaged_until = some_aged and 0 or unaged_until end
  return queues, some_aged
end
`;

/**
 * `fill(claim)`: takes tasks until there are enough, and says how it ended. Several entries of a queue are read at once
 * where no age lifts any queue, because then nothing of another queue can come in between.
 */
const fill = `
local function fill(claim)
  local worker, time, taken, discarded = claim.worker, claim.time, claim.taken, claim.discarded

  local function give_back(priority, entries, from)
    local ids = {}
    for index = from, #entries do ids[#ids + 1] = entries[index][1] end
    if #ids > 0 then hand_over(priority, ids) end
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

  local queues, some_aged = queues_of(claim)

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
      local some_returned = queue.some_returned
      queue = look_at(queue.priority, claim.ageing_ms, time)
      if queue then
        queue.some_returned = some_returned
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
 * `claim_tasks(first, time, book)`: takes the best waiting tasks that the worker may take. Queues are tried best first; one whose
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
local function claim_tasks(first, time, book)
  local wanted = tonumber(ARGV[first + 3])
  local claim = {
    worker = ARGV[first], ageing_ms = tonumber(ARGV[first + 1]), unaged_until = tonumber(ARGV[first + 2]),
    wanted = wanted, holds_some = ARGV[first + 4] == '1',
    tokens = { unpack(ARGV, first + 5, first + 4 + wanted) }, priorities = { unpack(ARGV, first + 5 + wanted) },
    time = time, taken = {}, discarded = {}, unsettled = {},
  }
  function claim.settle()
    start_running(claim.unsettled, time, book)
    claim.unsettled = {}
  end
  local filled, outcome = pcall(function() return fill(claim) end)
  claim.settle()
  if not filled then
    -- What was taken is the worker's; if the trouble lasts, the next call meets it first.
    if #claim.taken == 0 then error(outcome, 0) end
    outcome = 'done'
  end
  local reply, content_keys = { outcome, claim.discarded, string.format('%d', claim.unaged_until) }, {}
  for index, task in ipairs(claim.taken) do content_keys[index] = content_key(task.id) end
  local contents = #content_keys > 0 and redis.call('MGET', unpack(content_keys))
  for index, task in ipairs(claim.taken) do
    -- As JSON: taking a list apart into replies, and those into values over there, takes longer.
    reply[#reply + 1] = { task.id, task.checkpointed and 1 or 0, contents[index] or '', cjson.encode({ task.fields, task.changes }) }
  end
  return reply
end
`;

/** Claiming tasks. */
export const claims = [begin, startRunning, queuesOf, fill, claimTasks];

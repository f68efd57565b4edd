/**
 * `leave_streams(tasks)`: takes running tasks out of their streams and of the index of what runs, all of one priority with
 * one command.
 */
const leaveStreams = `
local function leave_streams(tasks)
  local ids, entries = {}, {}
  for _, task in ipairs(tasks) do
    ids[#ids + 1] = task.id
    local of_priority = entries[task.priority] or {}
    entries[task.priority] = of_priority
    of_priority[#of_priority + 1] = task.entry
  end
  for priority, of_priority in pairs(entries) do
    if #of_priority > 0 then
      redis.call('XACK', stream_key(priority), GROUP, unpack(of_priority))
      redis.call('XDEL', stream_key(priority), unpack(of_priority))
    end
  end
  redis.call('ZREM', processing_key, unpack(ids))
end
`;

/** `read_attempt(id)`: what ending an attempt needs of a record; looking for a field takes time, also for one that is not there. */
const readAttempt = `
local function read_attempt(id)
  local values = redis.pcall('HMGET', task_key(id), 'status', 'priority', 'entry', 'createdAt', 'token', 'attempt', 'owner', 'cost',
    'notify', 'cancelRequested', 'checkpointed', 'stage', 'remainingMs')
  if values.err or not values[1] then return nil end
  local status, priority, entry, created_at, token, attempt, owner, cost, notify, cancel_requested, checkpointed, stage,
    remaining_ms = unpack(values, 1, 13)
  return as_task(id, status, priority, entry, attempt, nil, nil, token, cancel_requested, created_at, nil, nil, nil, checkpointed,
    owner, notify, cost, stage, remaining_ms)
end
`;

/** `store_results(tasks, results, time)`: ends records as completed. Something foreign under the keys of one harms only itself. */
const storeResults = `
local function store_results(tasks, results, time)
  local keys, contents = {}, {}
  for index, task in ipairs(tasks) do keys[index] = content_key(task.id) end
  local requests = redis.call('MGET', unpack(keys))
  for index, task in ipairs(tasks) do
    store_end(task, 'completed', time)
    contents[2 * index - 1] = keys[index]
    contents[2 * index] = (requests[index] or '') .. '\\n' .. results[task.id]
    emit(task, 'completed')
  end
  redis.call('MSET', unpack(contents))
end
`;

/**
 * `complete_all(first, last, time, book)`: accepts the results of attempts, each if it owns its task. Sent twice, because a
 * reply was lost, one answers the same. What is to be counted and listed goes into the book.
 *
 * ARGV from `first` to `last`, for each result: id · token · result (JSON) · when the attempt began (Unix ms)
 * Returns  {'completed' | 'lost' for each}
 */
const completeAll = `
local function complete_all(first, last, time, book)
  local answers, ended, sums = {}, {}, book.sums
  local accepted = {}
  for index = first, last, 4 do
    local id, token, result, began_at = unpack(ARGV, index, index + 3)
    local task = read_attempt(id)
    local owns = task and task.token == token
    if owns and task.status == 'processing' and not accepted[id] then
      accepted[id] = result
      ended[#ended + 1] = task
      local took_ms = math.max(0, time - began_at)
      add_to(sums, lasting('completed:' .. task.priority, took_ms), 1)
      add_to(sums, 'completed_ms', took_ms)
      if task.cost then add_to(sums, 'completed_cost', tonumber(task.cost) or 0) end
    end
    answers[#answers + 1] = owns and (accepted[id] or task.status == 'completed') and 'completed' or 'lost'
  end
  if #ended == 0 then return answers end

  leave_streams(ended)
  store_results(ended, accepted, time)
  for _, task in ipairs(ended) do note_listed(book.listed, task, 'completed') end
  return answers
end
`;

/**
 * `open_book()`, `close_book(book, time)`: what a script that goes through several tasks has counted and listed, written
 * in the end with as few commands as that takes.
 */
const openBook = `
local function open_book()
  return { sums = {}, listed = {} }
end
`;
const closeBook = `
local function close_book(book, time)
  list_noted(book.listed)
  tally_sums(time, book.sums)
end
`;

/** Accepting results. */
export const results = [leaveStreams, readAttempt, storeResults, completeAll, openBook, closeBook];

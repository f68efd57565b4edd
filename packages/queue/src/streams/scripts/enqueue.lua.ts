import { isTerminal, priorityNames, taskStatuses } from '@musicgen/contract';
import { shelfSpan } from './list.lua.ts';
import type { Script } from './script.ts';

/** How many shelves of an owner's index hold unfinished tasks: those of the first statuses. */
const unfinishedShelves = taskStatuses.filter((status) => !isTerminal(status)).length * priorityNames.length;

/**
 * Admits tasks, all or none. One whose id or idempotency key is known is not admitted again; it comes back as it
 * stands. The ids of one call differ, and so do its keys; all are of one owner.
 *
 * ARGV   1 backlog limit · 2 how long an idempotency key is kept (ms) · 3 owner, or '' · 4 limit of the owner's unfinished
 *        tasks, or '' · then for each task: id, priority, ttl (ms), request, what the outbox says ('' = nothing),
 *        idempotency key ('' = none), request hash, cost ('' = none), count of what follows, {field, value …} of the record
 * Returns  {'full', waiting} · {'limited', unfinished} · {'mismatch', index}
 *          · {'admitted', for each task {now, its place as `place` gives it} or
 *          {id, content, its place or '' and '', field, value …}}
 */
export const enqueueScript: Script = {
  name: 'enqueue',
  whenFull: 'refused',
  lua: `
local limit, key_ttl_ms, owner, owner_limit = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])

local function whole(id)
  local record = redis.call('HGETALL', task_key(id))
  local task, before, better = read(id), nil, nil
  if task and task.status == 'pending' then before, better = place_of(id, task.priority) end
  return { id, redis.call('GET', content_key(id)) or '', before or '', better or '', unpack(record) }
end

-- Most calls bring nothing but new tasks, and one look tells that of all of them.
local function some_exist()
  local keys, first = {}, 5
  while first <= #ARGV do
    keys[#keys + 1] = task_key(ARGV[first])
    first = first + 9 + ARGV[first + 8]
  end
  return #keys > 0 and redis.call('EXISTS', unpack(keys)) > 0
end
local some_known = some_exist()

local function known(id, idempotency, request_hash)
  if some_known and redis.call('EXISTS', task_key(id)) == 1 then return whole(id) end
  if idempotency == '' then return nil end
  local first = redis.call('GET', remembered_key(owner .. ':' .. idempotency))
  if not first then return nil end
  local hash, first_id = string.match(first, '^(%S+) (%S+)$')
  if redis.call('EXISTS', task_key(first_id)) == 0 then return nil end
  return hash == request_hash and whole(first_id) or 'mismatch'
end

-- The shelves of unfinished tasks are the lowest of the owner's index.
local function unfinished()
  return redis.call('ZCOUNT', owned_key(owner), '-inf', '(${unfinishedShelves * shelfSpan}')
end

local waiting = {}
local function count_waiting()
  local all = redis.call('ZCARD', delayed_key)
  for name in pairs(LEVEL) do
    waiting[name] = redis.call('ZCARD', waiting_key(name))
    all = all + waiting[name]
  end
  return all
end

-- What is admitted is the last of its queue: streams give ids in order.
local function take_place(priority)
  local before, better = waiting[priority], 0
  for name, level in pairs(LEVEL) do
    if level > LEVEL[priority] then better = better + waiting[name] end
  end
  waiting[priority] = before + 1
  return before, better
end

-- What several tasks of a call can share is noted and written in the end.
local book, queued, rings, expiring = open_book(), {}, {}, {}
local function queue_up(task, score)
  local scored = queued[task.priority] or {}
  queued[task.priority] = scored
  rings[task.priority] = (rings[task.priority] or 0) + 1
  -- One with a cost by itself: the index's own answer says whether the cost counts.
  if task.cost then return start_waiting(task, score) end
  scored[#scored + 1] = score
  scored[#scored + 1] = task.id
end

-- The id of the first entry tells the time of all: one command less than asking for it.
local function admit(first, time)
  local id, priority, ttl_ms, request, notify, idempotency, request_hash, cost, fields = unpack(ARGV, first, first + 8)
  local entry = redis.call('XADD', stream_key(priority), '*', 'id', id)
  time = time or time_of(entry)
  local expires_at = after(time, ttl_ms)
  local task = { id = id, priority = priority, attempt = '0', owner = owner, created_at = tonumber(time),
    cost = cost ~= '' and cost or nil }
  redis.call('HSET', task_key(id), 'status', 'pending', 'priority', priority, 'entry', entry,
    'createdAt', time, 'expiresAt', expires_at, unpack(ARGV, first + 9, first + 8 + fields))
  queue_up(task, queue_score(entry))
  note_listed(book.listed, task, 'pending')
  redis.call('SET', content_key(id), request)
  if notify ~= '' then redis.call('SET', notice_key(id), notify) end
  if idempotency ~= '' then
    redis.call('SET', remembered_key(owner .. ':' .. idempotency), request_hash .. ' ' .. id, 'PX', key_ttl_ms)
  end
  note_expiring(expiring, id, expires_at, time)
  emit(task, 'created')
  add_to(book.sums, 'created:' .. priority, 1)
  return time
end

local function close_admission(time)
  for priority, scored in pairs(queued) do
    if #scored > 0 then redis.call('ZADD', waiting_key(priority), unpack(scored)) end
    ring(priority, rings[priority])
  end
  schedule_noted(expiring)
  close_book(book, time)
end

local answers, admitted, first = { 'admitted' }, {}, 5
while first <= #ARGV do
  local answer = known(ARGV[first], ARGV[first + 5], ARGV[first + 6])
  if answer == 'mismatch' then return { 'mismatch', #answers - 1 } end
  answers[#answers + 1] = answer or false
  if not answer then admitted[#admitted + 1] = first end
  first = first + 9 + ARGV[first + 8]
end

if #admitted > 0 then
  local all = count_waiting()
  if all + #admitted > limit then return { 'full', all } end
  local mine = owner_limit and unfinished()
  if mine and mine + #admitted > owner_limit then return { 'limited', mine } end
end

local time, answer = nil, 1
for _, at in ipairs(admitted) do
  time = admit(at, time)
  repeat answer = answer + 1 until not answers[answer]
  answers[answer] = { time, take_place(ARGV[at + 1]) }
end
if time then close_admission(time) end
return answers
`,
};

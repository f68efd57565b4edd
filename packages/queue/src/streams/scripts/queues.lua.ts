import { priorityNames } from '@musicgen/contract';
import { shelfSpan } from './list.lua.ts';
import { scriptBound } from './script.ts';

/**
 * `ring(priority, times)`: wakes one worker, or so many, that wait for the priority. Bounded, because tokens pile up while
 * every worker is busy; the first claim that finds a queue empty removes what is left.
 */
const ring = `
local function ring(priority, times)
  local room, tokens = ${scriptBound} - redis.call('LLEN', bell_key(priority)), {}
  for count = 1, math.min(times or 1, room) do tokens[count] = '1' end
  if #tokens > 0 then redis.call('LPUSH', bell_key(priority), unpack(tokens)) end
end
`;

/**
 * `queue_score(entry)`: the waiting index's score of a stream entry, in milliseconds. The sequence number goes into
 * the fraction, so the index is in exactly the stream's order, and a task that comes back finds its old place.
 */
const queueScore = `
local function queue_score(entry)
  local ms, sequence = string.match(entry, '(%d+)-(%d+)')
  return sequence == '0' and ms or ms + sequence / 4096
end
`;

/**
 * `start_waiting(task, score)`, `stop_waiting(task)`: a task enters or leaves the waiting index of its priority, and its
 * cost the sum of what waits there. The index's own answer says whether it did, so sum and index stay in step. A cost
 * that is no number fails by itself, not the move.
 */
const startWaiting = `
local function start_waiting(task, score)
  local entered = redis.call('ZADD', waiting_key(task.priority), score, task.id)
  if task.cost and entered == 1 then redis.pcall('HINCRBY', backlog_key, task.priority, task.cost) end
end
`;
const stopWaiting = `
local function stop_waiting(task)
  local left = redis.call('ZREM', waiting_key(task.priority), task.id)
  if task.cost and left == 1 then redis.pcall('HINCRBY', backlog_key, task.priority, '-' .. task.cost) end
end
`;

/**
 * `list_as(task, status)`: puts a task on its shelf in the index of its owner (`task-list.ts`), off any other.
 * `note_listed(listed, task, status)`, `list_noted(listed)`: the same for several tasks, with one command for each owner.
 * Something foreign under the key of an owner harms only his list.
 */
const listScore = `
local function list_score(task, status)
  local shelf = STATUS[status] * ${priorityNames.length} + LEVEL[task.priority]
  return string.format('%d', shelf * ${shelfSpan} + task.created_at)
end
`;
const listAs = `
local function list_as(task, status)
  redis.call('ZADD', owned_key(task.owner), list_score(task, status), task.id)
end
`;
const noteListed = `
local function note_listed(listed, task, status)
  local of_owner = listed[task.owner] or {}
  listed[task.owner] = of_owner
  of_owner[#of_owner + 1] = list_score(task, status)
  of_owner[#of_owner + 1] = task.id
end
`;
const listNoted = `
local function list_noted(listed)
  for owner, of_owner in pairs(listed) do redis.pcall('ZADD', owned_key(owner), unpack(of_owner)) end
end
`;

/**
 * `hand_over(priority, entries)`: gives entries to the virtual consumer `returned`, where claims look first while the queue
 * is marked as having some, and says which of them were there to be given.
 */
const handOver = `
local function hand_over(priority, entries)
  redis.call('SADD', returned_key, 'returned:' .. priority)
  entries[#entries + 1] = 'JUSTID'
  return redis.call('XCLAIM', stream_key(priority), GROUP, RETURNED, '0', unpack(entries))
end
`;

/** `join_queue(task, ...)`: puts a task at the end of its queue; the rest are fields of the record to set. */
const joinQueue = `
local function join_queue(task, ...)
  local entry = redis.call('XADD', stream_key(task.priority), '*', 'id', task.id)
  redis.call('HSET', task_key(task.id), 'entry', entry, ...)
  start_waiting(task, queue_score(entry))
  list_as(task, 'pending')
  ring(task.priority)
end
`;

/** `leave_queue(task)`: takes a task out of its stream and of every index of unfinished tasks. */
const leaveQueue = `
local function leave_queue(task)
  if task.entry then
    redis.call('XACK', stream_key(task.priority), GROUP, task.entry)
    redis.call('XDEL', stream_key(task.priority), task.entry)
  end
  if task.status == 'processing' then
    redis.call('ZREM', processing_key, task.id)
  else
    stop_waiting(task)
    redis.call('ZREM', delayed_key, task.id)
  end
end
`;

/** Entering and leaving streams and indexes. */
export const queues = [
  ring,
  queueScore,
  startWaiting,
  stopWaiting,
  listScore,
  listAs,
  noteListed,
  listNoted,
  handOver,
  joinQueue,
  leaveQueue,
];

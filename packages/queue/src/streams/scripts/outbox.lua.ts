/**
 * `tell(task, status, time)`: appends a turn of a task that someone outside is to hear of to the outbox. In the same
 * script as the turn itself: there is no moment at which a process could die in between.
 */
const tell = `
local function tell(task, status, time)
  if not task.notify then return end
  local notify = redis.call('GET', notice_key(task.id)) or ''
  redis.call('XADD', outbox_key, '*', 'id', task.id, 'status', status, 'at', time, 'notify', notify)
end
`;

/** Telling the world outside. */
export const outbox = [tell];

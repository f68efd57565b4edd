/**
 * `set_aside(id, priority, time, reason, fields)`: keeps what is no task of ours as a dead letter with a reason, for
 * an operator to look at, and with the record that every dead letter has. Something foreign under the task's key is
 * moved out of the way, not destroyed.
 */
const setAside = `
local function set_aside(id, priority, time, reason, fields)
  local key, removed_at = task_key(id), after(time, EXPIRED_RETENTION_MS)
  if redis.call('EXISTS', key) == 1 then
    redis.call('RENAME', key, foreign_key(id))
    redis.call('PEXPIRE', foreign_key(id), EXPIRED_RETENTION_MS)
  end
  redis.call('HSET', key, 'status', 'failed', 'priority', priority, 
    'maxAttempts', 1, 'createdAt', time, 'finishedAt', time, 'expiresAt', removed_at,
    'error', 'corrupt_record ' .. reason)
  redis.call('SET', content_key(id), cjson.encode({ found = fields }))
  list_as({ id = id, priority = priority, owner = '', created_at = time }, 'failed')
  redis.call('ZADD', dead_key, time, id)
  reschedule(id, removed_at, time)
  tally(time, 'created:' .. priority, 1)
  tally(time, 'failed:' .. priority, 1)
end
`;

/** Keeping what is no task. */
export const foreign = [setAside];

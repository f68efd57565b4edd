import type { Script } from './script.ts';

/** An idle worker would have claimed a task by then. */
const nobodyIsIdleMs = 200;
/** How long one worker is trusted to make way for a task before another is asked. */
const yieldLastsMs = 5_000;

/**
 * Renews the leases of an attempt's owner, where it asks for that, and stores what it reports. Whoever does not hold the
 * latest token gets 'lost' and changes nothing: XCLAIM alone would take the entry back from the new owner.
 *
 * A worker without a free slot that takes CRITICAL tasks is told to hand its youngest LOW one back when a CRITICAL task
 * waits that nobody has claimed. For one waiting task one worker is told so, however many could.
 *
 * ARGV   1 worker · 2 'full', or '' when it has a free slot or takes no CRITICAL tasks
 *        then for each task: 1 to renew the lease or '', id, token, checkpoint or '', count of what follows, {field, value …} of the record
 * Returns  'ok' | 'cancel' | 'lost' | 'yield' for each task
 */
export const heartbeatScript: Script = {
  name: 'heartbeat',
  lua: `
local worker, slots = ARGV[1], ARGV[2]
local answers = {}
-- The youngest LOW task that goes on, and its place among the answers.
local youngest = nil

local function keep_checkpoint(key, id, checkpoint)
  redis.call('SET', checkpoint_key(id), checkpoint)
  redis.call('HSET', key, 'checkpointed', '1')
end

-- Reads no more than a heartbeat always needs: it is the script that runs most.
local function beat(first)
  local renew, id, token, checkpoint, fields = unpack(ARGV, first, first + 4)
  local key = task_key(id)
  local values = redis.pcall('HMGET', key, 'status', 'token', 'priority', 'attempt', 'cancelRequested')
  local priority = values[3]
  if values.err or values[1] ~= 'processing' or values[2] ~= token or not LEVEL[priority] then return 'lost' end
  local entry = renew ~= '' and redis.call('HGET', key, 'entry')
  if entry then redis.call('XCLAIM', stream_key(priority), GROUP, worker, 0, entry, 'JUSTID') end
  if checkpoint ~= '' then keep_checkpoint(key, id, checkpoint) end
  if fields ~= '0' then
    local event = emit({ id = id, priority = priority, attempt = values[4] or '0' }, 'progress', unpack(ARGV, first + 5, first + 4 + fields))
    redis.call('HSET', key, 'updatedAt', time_of(event), unpack(ARGV, first + 5, first + 4 + fields))
  end
  if values[5] then return 'cancel' end
  if priority == 'LOW' and slots == 'full' then
    local created_at = tonumber(redis.call('HGET', key, 'createdAt') or 0)
    if not youngest or created_at >= youngest.created_at then
      youngest = { place = #answers + 1, created_at = created_at }
    end
  end
  return 'ok'
end

local function is_to_make_way()
  if not youngest or redis.call('SISMEMBER', paused_key, 'CRITICAL') == 1 then return false end
  local before = after(now(), -${nobodyIsIdleMs})
  local waiting = redis.call('ZRANGE', waiting_key('CRITICAL'), '-inf', before, 'BYSCORE', 'LIMIT', '0', '10')
  for _, id in ipairs(waiting) do
    if redis.call('SET', yield_key(id), worker, 'NX', 'PX', '${yieldLastsMs}') then return true end
  end
  return false
end

local first = 3
while first <= #ARGV do
  answers[#answers + 1] = beat(first)
  first = first + 5 + ARGV[first + 4]
end
if is_to_make_way() then answers[youngest.place] = 'yield' end
return answers
`,
};

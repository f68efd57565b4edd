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
 *        then for each task: 1 to renew the lease or '', id, token, stage, frame, frames, remaining ms, checkpoint ('' for what is not reported)
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

local function report(key, task, stage, frame, frames, remaining_ms)
  local changed = {}
  if stage ~= '' then changed = { 'stage', stage } end
  if frame ~= '' then
    for _, part in ipairs({ 'frame', frame, 'frames', frames }) do changed[#changed + 1] = part end
  end
  if remaining_ms ~= '' then
    changed[#changed + 1] = 'remainingMs'
    changed[#changed + 1] = remaining_ms
  end
  if #changed == 0 then return end
  local event = emit(task, 'progress', unpack(changed))
  redis.call('HSET', key, 'updatedAt', time_of(event), unpack(changed))
end

-- Reads no more than a heartbeat always needs: it is the script that runs most.
local function beat(renew, id, token, stage, frame, frames, remaining_ms, checkpoint)
  local key = task_key(id)
  local values = redis.pcall('HMGET', key, 'status', 'token', 'priority', 'attempt', 'cancelRequested')
  local priority = values[3]
  if values.err or values[1] ~= 'processing' or values[2] ~= token or not LEVEL[priority] then return 'lost' end
  local entry = renew ~= '' and redis.call('HGET', key, 'entry')
  if entry then redis.call('XCLAIM', stream_key(priority), GROUP, worker, 0, entry, 'JUSTID') end
  if checkpoint ~= '' then keep_checkpoint(key, id, checkpoint) end
  report(key, { id = id, priority = priority, attempt = values[4] or 0 }, stage, frame, frames, remaining_ms)
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

for index = 3, #ARGV, 8 do answers[#answers + 1] = beat(unpack(ARGV, index, index + 7)) end
if is_to_make_way() then answers[youngest.place] = 'yield' end
return answers
`,
};

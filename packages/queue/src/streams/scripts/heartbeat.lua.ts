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
local time = now()
local answers = {}
-- The youngest LOW task that goes on, and its place among the answers.
local youngest = nil

local function report(task, stage, frame, frames, remaining_ms, checkpoint)
  local changed = {}
  if stage ~= '' then changed = { 'stage', stage } end
  if frame ~= '' then
    for _, part in ipairs({ 'frame', frame, 'frames', frames }) do changed[#changed + 1] = part end
  end
  if remaining_ms ~= '' then
    changed[#changed + 1] = 'remainingMs'
    changed[#changed + 1] = remaining_ms
  end
  if checkpoint ~= '' then
    redis.call('SET', checkpoint_key(task.id), checkpoint)
    if not task.checkpointed then redis.call('HSET', task_key(task.id), 'checkpointed', '1') end
  end
  if #changed == 0 then return end
  redis.call('HSET', task_key(task.id), 'updatedAt', time, unpack(changed))
  emit(task, 'progress', unpack(changed))
end

-- Only what a heartbeat needs: it is the script that runs most.
local function read_running(id)
  local values = redis.pcall('HMGET', task_key(id), 'status', 'token', 'priority', 'entry', 'attempt', 'cancelRequested',
    'checkpointed', 'createdAt')
  if values.err or values[1] ~= 'processing' or not LEVEL[values[3]] then return nil end
  return { id = id, token = values[2], priority = values[3], entry = values[4], attempt = tonumber(values[5] or 0),
    cancel_requested = values[6], checkpointed = values[7], created_at = tonumber(values[8] or 0) }
end

local function beat(renew, id, token, stage, frame, frames, remaining_ms, checkpoint)
  local task = read_running(id)
  if not task or task.token ~= token then return 'lost' end
  if renew ~= '' then
    redis.call('XCLAIM', stream_key(task.priority), GROUP, worker, 0, task.entry, 'JUSTID')
  else
    -- Changes nothing: a full Redis refuses a script that begins with HSET.
    redis.call('ZREM', delayed_key, id)
  end
  report(task, stage, frame, frames, remaining_ms, checkpoint)
  if task.cancel_requested then return 'cancel' end
  if task.priority == 'LOW' and (not youngest or task.created_at >= youngest.created_at) then
    youngest = { place = #answers + 1, created_at = task.created_at }
  end
  return 'ok'
end

local function is_to_make_way()
  if slots ~= 'full' or not youngest or redis.call('SISMEMBER', paused_key, 'CRITICAL') == 1 then return false end
  local waiting = redis.call('ZRANGE', waiting_key('CRITICAL'), '-inf', after(time, -${nobodyIsIdleMs}), 'BYSCORE', 'LIMIT', '0', '10')
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

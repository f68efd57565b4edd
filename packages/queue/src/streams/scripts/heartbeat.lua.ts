import type { Script } from './script.ts';

/**
 * Renews the leases of an attempt's owner and stores what it reports. Whoever does not hold the latest token gets
 * 'lost' and changes nothing: XCLAIM alone would take the entry back from the new owner.
 *
 * ARGV   1 worker · then for each task: id, token, stage, frame, frames, remaining ms, checkpoint
 *        ('' for what is not reported)
 * Returns  'ok' | 'cancel' | 'lost' for each task
 */
export const heartbeatScript: Script = {
  name: 'heartbeat',
  lua: `
local worker = ARGV[1]
local time = now()

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

local function beat(id, token, stage, frame, frames, remaining_ms, checkpoint)
  local task = read(id)
  if not task or task.status ~= 'processing' or task.token ~= token then return 'lost' end
  redis.call('XCLAIM', stream_key(task.priority), GROUP, worker, 0, task.entry, 'JUSTID')
  report(task, stage, frame, frames, remaining_ms, checkpoint)
  return task.cancel_requested and 'cancel' or 'ok'
end

local answers = {}
for index = 2, #ARGV, 7 do answers[#answers + 1] = beat(unpack(ARGV, index, index + 6)) end
return answers
`,
};

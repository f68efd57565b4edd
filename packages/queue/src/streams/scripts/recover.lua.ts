import { type Script, scriptBound } from './script.ts';

/**
 * Goes through one page of pending entries of each priority for leases that lapsed. Redis looks at ten times the
 * count in one call, and an empty page says nothing about the next: go on until a priority's cursor is '0-0'.
 *
 * ARGV   1 lease (ms) · 2 the most stalls a task survives · then for each priority: its name, cursor
 * Returns  {{next cursor of each priority …}, {id, priority, 'returned' | 'buried' | 'cancelled' …}}
 */
export const recoverScript: Script = {
  name: 'recover',
  lua: `
local lease_ms, max_stalls = ARGV[1], tonumber(ARGV[2])
local time = now()
local cursors, outcomes = {}, {}

local function recover(stream, entry)
  local id = entry[2][1] == 'id' and entry[2][2]
  local task = id and read(id)
  if not task or task.entry ~= entry[1] then
    redis.call('XACK', stream, GROUP, entry[1])
    redis.call('XDEL', stream, entry[1])
  elseif task.status == 'processing' then
    outcomes[#outcomes + 1] = id
    outcomes[#outcomes + 1] = task.priority
    outcomes[#outcomes + 1] = take_back(task, time, max_stalls)
  else
    -- It was returned long ago, or came to the group's consumer 'returned' just now; claims look for it by this mark.
    redis.call('SADD', returned_key, 'returned:' .. task.priority)
  end
end

for index = 3, #ARGV, 2 do
  local stream, cursor = stream_key(ARGV[index]), ARGV[index + 1]
  local page = redis.call('XAUTOCLAIM', stream, GROUP, RETURNED, lease_ms, cursor, 'COUNT', ${scriptBound / 4})
  cursors[#cursors + 1] = page[1]
  for _, entry in ipairs(page[2]) do recover(stream, entry) end
end
return { cursors, outcomes }
`,
};

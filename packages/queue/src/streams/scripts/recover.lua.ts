import { moves } from './moves.lua.ts';
import { type Script, scriptBound } from './script.ts';

/**
 * Goes through one page of a priority's pending entries for leases that lapsed. Redis looks at ten times the count
 * in one call, and an empty page says nothing about the next: go on until the cursor is '0-0'.
 *
 * ARGV   1 priority · 2 cursor · 3 lease (ms) · 4 the most stalls a task survives
 * Returns  {next cursor, {id, 'returned' | 'buried' | 'cancelled' …}}
 */
export const recoverScript: Script = {
  name: 'recover',
  lua: `${moves}
local priority, cursor, lease_ms, max_stalls = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local stream, time = stream_key(priority), now()
local page = redis.call('XAUTOCLAIM', stream, GROUP, RETURNED, lease_ms, cursor, 'COUNT', ${scriptBound})
local outcomes = {}

for _, entry in ipairs(page[2]) do
  local id = entry[2][1] == 'id' and entry[2][2]
  local task = id and read(id)
  if not task or task.entry ~= entry[1] then
    redis.call('XACK', stream, GROUP, entry[1])
    redis.call('XDEL', stream, entry[1])
  elseif task.status == 'processing' then
    outcomes[#outcomes + 1] = id
    outcomes[#outcomes + 1] = take_back(task, time, max_stalls)
  end
end
return { page[1], outcomes }
`,
};

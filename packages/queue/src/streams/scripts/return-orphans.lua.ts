import { type Script, scriptBound } from './script.ts';

/**
 * Gives back what a claim took without its worker hearing of it: the client sent the claim again after the connection
 * had broken, and both were executed. All that carry the claim's token but the one task that was heard of.
 *
 * ARGV   1 worker · 2 token · 3 id of the task that was heard of, or ''
 * Returns  ids of the tasks that were given back
 */
export const returnOrphansScript: Script = {
  name: 'return_orphans',
  lua: `
local worker, token, heard_of = unpack(ARGV)
local time = now()
local returned = {}

for priority in pairs(LEVEL) do
  local stream = stream_key(priority)
  for _, pending in ipairs(redis.call('XPENDING', stream, GROUP, '-', '+', '${scriptBound}', worker)) do
    local entry = redis.call('XRANGE', stream, pending[1], pending[1])[1]
    local task = entry and read(entry[2][2])
    if task and task.status == 'processing' and task.token == token and task.id ~= heard_of then
      return_to_queue(task, time, 'returned')
      returned[#returned + 1] = task.id
    end
  end
end
return returned
`,
};

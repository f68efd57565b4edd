import type { Script } from './script.ts';

/**
 * Ends a claimed task whose record cannot be read as a dead letter.
 *
 * ARGV   1 id · 2 token · 3 error (text)
 * Returns  'failed' | 'lost'
 */
export const buryScript: Script = {
  name: 'bury',
  lua: `
local id, token, error = unpack(ARGV)
local task = read(id)
if not task or task.token ~= token or task.status ~= 'processing' then return 'lost' end
bury(task, now(), error)
return 'failed'
`,
};

import type { Script } from './script.ts';

/**
 * Accepts results (`results.lua.ts`).
 *
 * ARGV   for each, at most 100: id · token · result (JSON) · when the attempt began (Unix ms)
 * Returns  {'completed' | 'lost' for each}
 */
export const completeScript: Script = {
  name: 'complete',
  lua: `
return complete_all(1, #ARGV, now())
`,
};

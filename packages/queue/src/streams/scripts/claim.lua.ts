import type { Script } from './script.ts';

/**
 * Takes the best waiting tasks that the worker may take (`claims.lua.ts`).
 *
 * ARGV   1 worker · 2 ageing period (ms, 0 = none) · 3 how many tasks · 4 1 if the worker holds some, else 0
 *        · a new token for each · priorities
 * Returns  {'done' | 'again' | 'held_back', {priority, task id, reason …} of discarded entries,
 *           for each task {id, has checkpoint (0 | 1), content, {field, value …}}}
 */
export const claimScript: Script = {
  name: 'claim',
  lua: `
return claim_tasks(1, now())
`,
};

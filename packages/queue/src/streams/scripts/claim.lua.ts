import type { Script } from './script.ts';

/**
 * Takes the best waiting tasks that the worker may take (`claims.lua.ts`).
 *
 * ARGV   1 worker · 2 ageing period (ms, 0 = none) · 3 until when no queue has aged, as an earlier call said (Unix ms), or 0
 *        · 4 how many tasks · 5 1 if the worker holds some, else 0 · a new token for each · priorities
 * Returns  {'done' | 'again' | 'held_back', {priority, task id, reason …} of discarded entries, until when no queue has aged,
 *           for each task {id, has checkpoint (0 | 1), content, JSON of [[field, value …] as it was, [field, value …] that the claim changed]}}
 */
export const claimScript: Script = {
  name: 'claim',
  lua: `
local time, book = now(), open_book()
local reply = claim_tasks(1, time, book)
close_book(book, time)
return reply
`,
};

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
local time, book = now(), open_book()
local answers = complete_all(1, #ARGV, time, book)
close_book(book, time)
return answers
`,
};

import type { Script } from './script.ts';

/**
 * Accepts results, then claims for the slots that this frees: one call for what a busy worker does for every task.
 *
 * ARGV   1 how many results · 4 arguments for each, as of `complete` · then the arguments of `claim`
 * Returns  {the reply of `complete`, the reply of `claim`, or its error}
 */
export const completeAndClaimScript: Script = {
  name: 'complete_and_claim',
  lua: `
local time, book = now(), open_book()
local last = 1 + 4 * ARGV[1]
local answers = complete_all(2, last, time, book)
-- What is accepted is accepted, whatever becomes of the claim.
local done, claimed = pcall(function() return claim_tasks(last + 1, time, book) end)
close_book(book, time)
if not done and type(claimed) ~= 'table' then claimed = { err = tostring(claimed) } end
return { answers, claimed }
`,
};

import type { Script } from './script.ts';

/** What a shelf of the index has room for: submission times up to the year 2109. */
export const shelfSpan = 2 ** 42;

/**
 * The first tasks of an owner on each of some shelves, down from a time. All tasks of that very millisecond come on
 * top of the count: which of them were on the page before, only the reader knows.
 *
 * ARGV   1 owner · 2 how many of each shelf, less one · then for each shelf its highest and its lowest score
 * Returns  {id, score …}
 */
export const listScript: Script = {
  name: 'list',
  lua: `
local key, limit = owned_key(ARGV[1]), tonumber(ARGV[2])
local found = {}
for index = 3, #ARGV, 2 do
  local highest, lowest = ARGV[index], ARGV[index + 1]
  local ties = redis.call('ZCOUNT', key, highest, highest)
  local shelf = redis.call('ZREVRANGEBYSCORE', key, highest, lowest, 'WITHSCORES', 'LIMIT', 0, limit + 1 + ties)
  for _, value in ipairs(shelf) do found[#found + 1] = value end
end
return found
`,
};

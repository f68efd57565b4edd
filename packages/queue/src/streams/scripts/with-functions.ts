import { claims } from './claims.lua.ts';
import { entries } from './entries.lua.ts';
import { expiry } from './expiry.lua.ts';
import { lifecycle } from './lifecycle.lua.ts';
import { moves } from './moves.lua.ts';
import { outbox } from './outbox.lua.ts';
import { queues } from './queues.lua.ts';
import { record } from './record.lua.ts';
import { results } from './results.lua.ts';
import { foreign } from './set-aside.lua.ts';

/** Every shared Lua function, one a fragment; each names only those before it. */
const functions = [
  ...record,
  ...lifecycle,
  ...outbox,
  ...expiry,
  ...queues,
  ...moves,
  ...foreign,
  ...results,
  ...entries,
  ...claims,
];

/**
 * A script's text behind the shared functions that it needs, and those that they need. No others: Redis runs the
 * definitions again on every call, and all of them together take longer than an average script.
 */
export function withFunctions(lua: string): string {
  return functions.reduceRight((text, fragment) => {
    const name = /local function (\w+)/.exec(fragment)?.[1] ?? '';
    return new RegExp(`\\b${name}\\(`).test(text) ? fragment + text : text;
  }, lua);
}

import { mostAtOnce } from '../../admission.ts';

/**
 * One Lua script. Its text may name the functions of `with-functions.ts`, the keys of `keys.ts` by their Lua names
 * (`task_key(id)`, `delayed_key`) and the constants that the script runner puts in front.
 *
 * Every script takes one key, the lifecycle stream: it sends the call to the right node of a cluster. All other keys
 * are built inside, many of them from ids that the script reads, and lie in the same slot through the prefix.
 */
export interface Script {
  name: string;
  lua: string;
  /**
   * What a Redis at its memory limit does with it. Unless said otherwise it runs: what has begun must be able to end,
   * though that takes a few bytes.
   */
  whenFull?: 'refused';
}

/** The most items one call of a script goes through: a script blocks every other client while it runs. */
export const scriptBound = mostAtOnce;

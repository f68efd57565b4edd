import type { Priority } from '@musicgen/contract';

/** The consumer group of every work stream. */
export const workersGroup = 'workers';

/**
 * The virtual consumer that holds entries given back or recovered: their place in the stream, and so in the queue,
 * stays what it was, and every claim looks here first.
 */
export const returnedConsumer = 'returned';

/** The consumer group of the outbox. */
export const webhooksGroup = 'webhooks';

/** Every key of the queue. The Lua scripts get the same names, so that each key is spelt once, here. */
export interface Keys {
  /** hash: the record of one task. */
  task: (id: string) => string;
  /**
   * string: the request of a task and, on a second line once there is one, its result; both JSON. Not in the record,
   * because one value of more than 64 bytes makes Redis keep the whole hash as a table instead of in one piece: 300
   * bytes more for every waiting task and 600 for every finished one. Its short name saves another 8 for each.
   */
  content: (id: string) => string;
  /** string: what the outbox says about a task at its turns, as the submitter gave it; only where there is something. */
  notice: (id: string) => string;
  /** string with TTL of a day: there was a task of this id, and it has been removed. */
  removed: (id: string) => string;
  /** string: what an unfinished attempt left to go on from; binary, at most a few kilobytes. */
  checkpoint: (id: string) => string;
  /** stream with group `workers`: claimable tasks of one priority; an entry is one field, `id`. */
  stream: (priority: Priority) => string;
  /** zset, score = enqueue time: the waiting tasks of one priority in claim order. */
  waiting: (priority: Priority) => string;
  /** zset, score = status, priority and time of submission in one number (`task-list.ts`): the tasks of one owner. */
  owned: (owner: string) => string;
  /** list: wake-up tokens for workers that wait for one priority. */
  bell: (priority: Priority) => string;
  /** hash with TTL: a live worker, when it was seen, what it says about itself, whether it is to drain. */
  worker: (id: string) => string;
  /** hash with TTL: what lay under a task's key although it is no task, moved out of the way. */
  foreign: (id: string) => string;
  /** string with TTL: the task that was admitted under an idempotency key; its owner, a colon, then the key. */
  remembered: (ownerAndKey: string) => string;
  /** hash with TTL of 25 hours: what happened in one minute, by Unix minute. */
  minute: (unixMinute: number) => string;
  /** hash with TTL of 8 days: what happened in one hour, by Unix hour, once its minutes are rolled up. */
  hour: (unixHour: number) => string;
  /** string with TTL: the worker that was told to make way for a waiting task. */
  yield: (taskId: string) => string;
  /** string with TTL: some process did a background duty a moment ago, others need not. */
  turn: (duty: string) => string;
  /** stream, capped: every lifecycle event. */
  lifecycle: string;
  /** stream with group `webhooks`: turns of tasks that someone outside is to hear of, until that is acknowledged. */
  outbox: string;
  /** zset, score = time of the claim: running attempts. */
  processing: string;
  /** zset, score = when it is due: failed attempts that wait for their retry. */
  delayed: string;
  /** zset, score = time of death: dead letters. */
  dead: string;
  /** zset, score = when the task expires or, once finished, is removed: those of this minute and before. */
  expiry: string;
  /** list: the ids of the tasks whose time ends in one later minute, by Unix minute. */
  expiring: (unixMinute: number) => string;
  /** zset, score = Unix minute: the minutes that have such a list. */
  expiringMinutes: string;
  /** hash, by priority: what all its waiting tasks cost together, for those that were submitted with a cost. */
  backlog: string;
  /** set: paused priorities. */
  paused: string;
  /**
   * set: `returned:<priority>` for the queues in which something may be held by the consumer `returned`, until a claim finds
   * nothing there. Named so that one look at the union with `paused` tells both.
   */
  returned: string;
  /** hash: running totals of all minutes that are over, and which is the first that is not in them. */
  counters: string;
  /** zset, score = last sign of life: the ids of live workers. */
  workers: string;
  /** string: the version of this layout; where it is absent, what lies under the prefix may be another service's. */
  schema: string;
  /** zset with TTL, score = place in the old order: waiting tasks that a migration holds back until all are there. */
  parked: string;
  /** set with TTL: the ids that migrations have brought, so that none comes a second time. */
  migrated: string;
  /** Of the basic kind; string with TTL: the one process that has the tasks. */
  process: string;
  /** Of the basic kind; string: which process in a row that is. */
  generation: string;
  /** Of the basic kind; hash: erased tasks, and when their artifacts are to be removed. */
  erased: string;
  /** pub/sub channel, not a key: the ids of running tasks whose cancellation is requested. */
  cancelChannel: string;
}

/**
 * The keys under one prefix. On Redis Cluster the prefix must be a hash tag (`{musicgen}`), because the scripts
 * reach several keys at once and build some of them from ids they read.
 * @throws RangeError for a prefix that is empty or holds other characters than letters, digits and `_-.:{}`.
 */
export function createKeys(prefix: string): Keys {
  if (!/^[\w.:{}-]+$/.test(prefix)) throw new RangeError(`"${prefix}" cannot be a key prefix`);
  return {
    task: (id) => `${prefix}:task:${id}`,
    content: (id) => `${prefix}:json:${id}`,
    notice: (id) => `${prefix}:notice:${id}`,
    removed: (id) => `${prefix}:removed:${id}`,
    checkpoint: (id) => `${prefix}:checkpoint:${id}`,
    stream: (priority) => `${prefix}:stream:${priority}`,
    waiting: (priority) => `${prefix}:queue:${priority}`,
    owned: (owner) => `${prefix}:owned:${owner}`,
    bell: (priority) => `${prefix}:bell:${priority}`,
    worker: (id) => `${prefix}:worker:${id}`,
    foreign: (id) => `${prefix}:foreign:${id}`,
    remembered: (ownerAndKey) => `${prefix}:idempotency:${ownerAndKey}`,
    minute: (unixMinute) => `${prefix}:stats:minute:${unixMinute}`,
    hour: (unixHour) => `${prefix}:stats:hour:${unixHour}`,
    yield: (id) => `${prefix}:yield:${id}`,
    turn: (duty) => `${prefix}:turn:${duty}`,
    lifecycle: `${prefix}:task:stream`,
    outbox: `${prefix}:outbox`,
    processing: `${prefix}:processing`,
    delayed: `${prefix}:delayed`,
    dead: `${prefix}:dead`,
    expiry: `${prefix}:expiry`,
    expiring: (unixMinute) => `${prefix}:expiry:${unixMinute}`,
    expiringMinutes: `${prefix}:expiry:minutes`,
    backlog: `${prefix}:backlog`,
    paused: `${prefix}:paused`,
    returned: `${prefix}:returned`,
    counters: `${prefix}:stats`,
    workers: `${prefix}:workers`,
    schema: `${prefix}:schema`,
    parked: `${prefix}:parked`,
    migrated: `${prefix}:migrated`,
    process: `${prefix}:process`,
    generation: `${prefix}:generation`,
    erased: `${prefix}:erased`,
    cancelChannel: `${prefix}:cancel`,
  };
}

/**
 * A Lua text whose keys are spelt out: `task_key(id)` becomes `('musicgen:task:' .. id)` and `delayed_key` becomes
 * `'musicgen:delayed'`. Spelt out and not functions, because Redis makes a script's functions anew on every call.
 */
export function spellKeys(prefix: string, lua: string): string {
  const keys = new Map<string, unknown>(Object.entries(createKeys(prefix)));
  return lua.replace(/\b([a-z_]+)_key\b(\(?)/g, (_, luaName: string, open: string) => {
    const name = luaName.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const key = keys.get(name);
    if (key === undefined) throw new RangeError(`There is no key "${luaName}"`);
    return typeof key === 'function' ? `('${key('')}' .. ` : `'${key}'${open}`;
  });
}

import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { createWebhookKeys } from './keys.ts';

/**
 * The scripts, each with its arguments and reply above it. The one key they are given is `due`, which routes them on a
 * cluster; they build the others, in the same slot through the prefix.
 */
const scripts = {
  /**
   * Takes an event in, once however often it comes.
   * ARGV   1 id · 2 now · then fields and values of the hash
   * Returns  1, or 0 for one that is known
   */
  add: `
local id, time = ARGV[1], ARGV[2]
if redis.call('EXISTS', delivery(id)) == 1 then return 0 end
redis.call('HSET', delivery(id), 'status', 'pending', 'nextAt', time, unpack(ARGV, 3))
redis.call('ZADD', KEYS[1], time, id)
redis.call('ZADD', status('pending'), 0, id)
redis.call('ZADD', ALL, 0, id)
return 1
`,

  /**
   * Claims what is due: it is due again when the lease is over, unless it is settled before.
   * ARGV   1 now · 2 lease (ms) · 3 token · 4 at most
   * Returns  for each {id, when it was due, field, value …}
   */
  claim: `
local time, lease, token = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local due = redis.call('ZRANGE', KEYS[1], '-inf', time, 'BYSCORE', 'LIMIT', 0, ARGV[4], 'WITHSCORES')
local claimed = {}
for index = 1, #due, 2 do
  local id = due[index]
  redis.call('ZADD', KEYS[1], time + lease, id)
  if redis.call('EXISTS', delivery(id)) == 0 then
    redis.call('ZREM', KEYS[1], id)
  else
    redis.call('HINCRBY', delivery(id), 'attempts', 1)
    redis.call('HSET', delivery(id), 'token', token, 'lastAt', time)
    claimed[#claimed + 1] = { id, due[index + 1], unpack(redis.call('HGETALL', delivery(id))) }
  end
end
return claimed
`,

  /**
   * Ends an attempt that is to be followed by another, or that was none.
   * ARGV   1 id · 2 token · 3 when it is due again · 4 1 when the attempt counts, else 0 · then fields and values
   * Returns  1, or 0 when another claim has it
   */
  postpone: `
local id, at = ARGV[1], ARGV[3]
if redis.call('HGET', delivery(id), 'token') ~= ARGV[2] then return 0 end
redis.call('ZADD', KEYS[1], at, id)
if ARGV[4] == '0' then redis.call('HINCRBY', delivery(id), 'attempts', -1) end
redis.call('HDEL', delivery(id), 'token', 'lastStatus', 'lastError')
redis.call('HSET', delivery(id), 'nextAt', at, unpack(ARGV, 5))
return 1
`,

  /**
   * Ends a delivery, and drops the oldest that ended the same way when they are too many or too old.
   * ARGV   1 id · 2 token · 3 status · 4 how long it is kept (ms) · 5 how many are kept · 6 id before which all are too old
   *        then fields and values
   * Returns  1, or 0 when another claim has it
   */
  end: `
local id, ended = ARGV[1], ARGV[3]
if redis.call('HGET', delivery(id), 'token') ~= ARGV[2] then return 0 end
redis.call('ZREM', KEYS[1], id)
redis.call('ZREM', status('pending'), id)
redis.call('HDEL', delivery(id), 'token', 'nextAt', 'lastStatus', 'lastError')
redis.call('HSET', delivery(id), 'status', ended, unpack(ARGV, 7))
redis.call('PEXPIRE', delivery(id), ARGV[4])
redis.call('ZADD', status(ended), 0, id)

local function drop(ids)
  for _, old in ipairs(ids) do
    redis.call('ZREM', status(ended), old)
    redis.call('ZREM', ALL, old)
    redis.call('DEL', delivery(old))
  end
end
drop(redis.call('ZRANGE', status(ended), '-', '(' .. ARGV[6], 'BYLEX', 'LIMIT', 0, 50))
local over = redis.call('ZCARD', status(ended)) - tonumber(ARGV[5])
if over > 0 then drop(redis.call('ZRANGE', status(ended), 0, math.min(over, 50) - 1)) end
return 1
`,

  /**
   * Makes a delivery due now with all its attempts before it, whatever became of it; leaves alone what is being sent.
   * ARGV   1 id · 2 now
   * Returns  1 or, when there is none, 0
   */
  resend: `
local id, time = ARGV[1], ARGV[2]
local was = redis.call('HGET', delivery(id), 'status')
if not was then return 0 end
if redis.call('HEXISTS', delivery(id), 'token') == 1 then return 1 end
redis.call('PERSIST', delivery(id))
redis.call('ZREM', status(was), id)
redis.call('HSET', delivery(id), 'status', 'pending', 'attempts', 0, 'nextAt', time)
redis.call('ZADD', status('pending'), 0, id)
redis.call('ZADD', KEYS[1], time, id)
return 1
`,
} as const;

export type ScriptName = keyof typeof scripts;

export type RunScript = (name: ScriptName, args: readonly (string | number)[]) => Promise<unknown>;

/** Runs scripts by their digest; the whole text goes only to a server that does not know it yet. */
export function createScriptRunner({ redis, prefix }: { redis: Redis | Cluster; prefix: string }): RunScript {
  const { due } = createWebhookKeys(prefix);
  const prepared = new Map(
    Object.entries(scripts).map(([name, lua]) => {
      const text = spellKeys(prefix, lua);
      return [name, { text, digest: createHash('sha1').update(text).digest('hex') }];
    }),
  );
  return async (name, args) => {
    const { text = '', digest = '' } = prepared.get(name) ?? {};
    try {
      return await redis.evalsha(digest, 1, due, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await redis.eval(text, 1, due, ...args);
    }
  };
}

/** Puts the keys into a script's text; a prefix holds no quote (the queue checks it). */
function spellKeys(prefix: string, lua: string): string {
  const keys = createWebhookKeys(prefix);
  return `
local ALL = '${keys.all}'
local function delivery(id) return '${keys.delivery('')}' .. id end
local function status(name) return '${keys.status('')}' .. name end
${lua}`;
}

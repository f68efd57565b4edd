import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '@musicgen/contract';
import { every, type Loop } from '../every.ts';
import { createKeys } from '../keys.ts';
import type { RedisClient } from '../streams/redis-client.ts';

export interface ProcessLockOptions {
  redis: RedisClient;
  prefix: string;
  /** How long the lock outlives a process that has died. */
  leaseMs: number;
  /** Another process has taken over: this one must not go on. Called once. */
  onLost: (error: ServiceError) => void;
  /** Redis has lost everything, the lock too, and nobody else has come: what was kept must be written again. */
  onEmptied: () => void;
}

/**
 * One process at a time has what lies under a prefix. A lock with a lease says who lives; a number that grows with every
 * new holder fences off one that was away for longer than its lease and does not know it: whoever writes compares it.
 */
export interface ProcessLock {
  /** This holder's number; `0` before it has the lock. */
  generation(): number;
  /**
   * Takes the lock and keeps it until it is released. The lock of a process that has died on this machine is taken at
   * once; that of one elsewhere is waited for.
   * @throws ServiceError `dependency_unsupported` when a living process has it.
   */
  take(): Promise<void>;
  release(): Promise<void>;
}

/**
 * KEYS 1 process · 2 generation. ARGV 1 holder · 2 lease (ms) · 3 a holder that has died, or ''
 * Returns the generation, or 0 when another has the lock
 */
const takeScript = `
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('INCR', KEYS[2])
`;

/** The same, and ARGV 3 generation. Returns 'kept', 'lost', or 'emptied' */
const renewScript = `
local newest = redis.call('GET', KEYS[2])
if newest and newest ~= ARGV[3] then return 'lost' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
return newest and 'kept' or 'emptied'
`;

/** KEYS as above. ARGV 1 generation */
const releaseScript = `
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
`;

export function createProcessLock(options: ProcessLockOptions): ProcessLock {
  const { redis, prefix, leaseMs, onLost, onEmptied } = options;
  const { process: processKey, generation: generationKey } = createKeys(prefix);
  const holder = JSON.stringify({
    host: hostname(),
    namespace: pidNamespace(),
    pid: process.pid,
    since: new Date().toISOString(),
  });
  let generation = 0;
  let renewing: Loop | undefined;

  async function tryToTake(present: string | null): Promise<boolean> {
    const dead = present !== null && fateOf(present) === 'died' ? present : '';
    const keys = [processKey, generationKey] as const;
    generation = Number(await redis.eval(takeScript, 2, ...keys, holder, leaseMs, dead));
    return generation > 0;
  }

  async function renew(): Promise<void> {
    const keys = [processKey, generationKey] as const;
    const outcome = await redis.eval(renewScript, 2, ...keys, holder, leaseMs, generation);
    if (outcome === 'emptied') onEmptied();
    if (outcome !== 'lost') return;
    void renewing?.stop();
    onLost(await takenError());
  }

  async function takenError(): Promise<ServiceError> {
    return new ServiceError(
      'dependency_unsupported',
      `${describe(await redis.get(processKey))} works on the tasks under "${prefix}", and with USE_ADVANCED_REDIS=false only one process may: ` +
        'stop it, or name another database or TASK_KEY_PREFIX; for several processes, leave USE_ADVANCED_REDIS at true',
    );
  }

  return {
    generation: () => generation,
    async take() {
      // A living process renews its lock; that of a dead one lapses by then.
      const deadline = Date.now() + leaseMs * 1.2;
      for (;;) {
        const present = await redis.get(processKey);
        if (await tryToTake(present)) break;
        if (Date.now() > deadline || fateOf(present) === 'lives') throw await takenError();
        await delay(Math.min(500, leaseMs / 10));
      }
      // Redis may be away: then the next turn tries again.
      renewing ??= every({ intervalMs: leaseMs / 3, run: renew, onError: () => {} });
    },
    async release() {
      if (generation === 0) return;
      await renewing?.stop();
      await redis.eval(releaseScript, 2, processKey, generationKey, generation).catch(() => {});
    },
  };
}

interface Holder {
  host?: unknown;
  namespace?: unknown;
  pid?: unknown;
  since?: unknown;
}

function parseHolder(text: string | null): Holder {
  try {
    return Object(JSON.parse(text ?? ''));
  } catch {
    return {};
  }
}

function describe(text: string | null): string {
  const { host, pid, since } = parseHolder(text);
  return pid === undefined ? 'Another process' : `Process ${pid} on ${host}, started ${since},`;
}

/** What is known of a holder: only of a process of this machine it can be seen, of another its lease has to tell. */
function fateOf(text: string | null): 'lives' | 'died' | 'unknown' {
  const { host, namespace, pid } = parseHolder(text);
  if (host !== hostname() || namespace !== pidNamespace() || typeof pid !== 'number') return 'unknown';
  // Our own number was another's before, and that one is no more; but a test may hold several locks.
  if (pid === process.pid) return 'unknown';
  try {
    process.kill(pid, 0);
    return 'lives';
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH' ? 'died' : 'lives';
  }
}

/** Where process numbers have one meaning: two containers may give the same number. Undefined where there are no such spaces. */
function pidNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
}

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
   * Takes the lock and keeps it until it is released. The lock of a process that has died is waited for.
   * @throws ServiceError `dependency_unsupported` when a living process has it.
   */
  take(): Promise<void>;
  release(): Promise<void>;
}

/** KEYS 1 process · 2 generation. ARGV 1 holder · 2 lease (ms). Returns the generation, or 0 when another has the lock */
const takeScript = `
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
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
  const holder = JSON.stringify({ host: hostname(), pid: process.pid, since: new Date().toISOString() });
  let generation = 0;
  let renewing: Loop | undefined;

  async function tryToTake(): Promise<boolean> {
    generation = Number(await redis.eval(takeScript, 2, processKey, generationKey, holder, leaseMs));
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
      while (!(await tryToTake())) {
        if (Date.now() > deadline) throw await takenError();
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

function describe(holder: string | null): string {
  try {
    const { host, pid, since } = JSON.parse(holder ?? '') as Record<string, unknown>;
    return `Process ${pid} on ${host}, started ${since},`;
  } catch {
    return 'Another process';
  }
}

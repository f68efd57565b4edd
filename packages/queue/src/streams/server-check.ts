import { ServiceError } from '@musicgen/contract';
import type { ServerFacts } from '../queue-monitor.ts';
import type { QueueContext } from './context.ts';

const requiredMajor = 7;

/** A state of the server in which tasks can be lost or refused. */
export interface ServerDanger {
  kind: 'eviction' | 'persistence' | 'memory';
  /** What is the matter, in one sentence. */
  detail: string;
  /** What to do about it. */
  remedy: string;
}

/** Of the memory that Redis may use; the alerts in `deploy/prometheus` use the same number. */
const memoryShare = 0.9;

/**
 * Refuses a server that is too old and reports what endangers tasks by the event `redis:warning`.
 * @throws ServiceError `dependency_unsupported` for a server older than Redis 7.0.
 */
export async function checkServer({
  redis,
  events,
}: Pick<QueueContext, 'redis' | 'events'>): Promise<ServerFacts> {
  const facts = factsFromInfo(await redis.info());
  refuseOldServer(facts);
  for (const { detail, remedy } of serverDangers(facts))
    events.emit('redis:warning', { message: `${detail} ${remedy}` });
  return facts;
}

/** @throws ServiceError `dependency_unsupported` */
export function refuseOldServer({ version }: ServerFacts): void {
  if (Number.parseInt(version, 10) >= requiredMajor) return;
  throw new ServiceError(
    'dependency_unsupported',
    `Redis ${version} is too old: the queue needs Redis 7.0 or newer, or Valkey`,
  );
}

/** What an operator should mend about a server, in words. */
export function serverDangers(facts: ServerFacts): ServerDanger[] {
  const { evictionPolicy, appendOnlyFile, lastSaveWorked, usedMemoryBytes, memoryLimitBytes } = facts;
  const share = memoryLimitBytes > 0 ? usedMemoryBytes / memoryLimitBytes : 0;
  const dangers: (ServerDanger | false)[] = [
    evictionPolicy !== 'noeviction' && {
      kind: 'eviction',
      detail: `Redis evicts keys when it is full (maxmemory-policy ${evictionPolicy}), tasks among them.`,
      remedy: 'Set maxmemory-policy noeviction.',
    },
    !appendOnlyFile && {
      kind: 'persistence',
      detail: 'Redis keeps no append-only file: a restart loses tasks.',
      remedy: 'Set appendonly yes.',
    },
    !lastSaveWorked && {
      kind: 'persistence',
      detail: 'Redis could not write its last save to disk.',
      remedy: 'Make room on its disk and look at its log.',
    },
    share > memoryShare && {
      kind: 'memory',
      detail: `Redis uses ${Math.round(share * 100)} % of its memory.`,
      remedy: 'Raise maxmemory, or have tasks removed earlier with a shorter ttl.',
    },
  ];
  return dangers.filter((danger) => danger !== false);
}

/** Valkey reports the Redis version it is compatible with under the same name. */
export function factsFromInfo(info: string): ServerFacts {
  const value = (name: string) => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
  const saves = ['aof_last_write_status', 'rdb_last_bgsave_status'].map(value);
  return {
    version: value('redis_version'),
    isReplica: value('role') === 'slave',
    evictionPolicy: value('maxmemory_policy'),
    appendOnlyFile: value('aof_enabled') === '1',
    lastSaveWorked: !saves.includes('err'),
    usedMemoryBytes: Number(value('used_memory')),
    memoryLimitBytes: Number(value('maxmemory')) || Number(value('total_system_memory')),
  };
}

import { ServiceError } from '@musicgen/contract';
import type { ServerFacts } from '../queue-monitor.ts';
import type { QueueContext } from './context.ts';

const requiredMajor = 7;

/**
 * Refuses a server that is too old and reports settings that endanger tasks by the event `redis:warning`.
 * @throws ServiceError `dependency_unsupported` for a server older than Redis 7.0.
 */
export async function checkServer({
  redis,
  events,
}: Pick<QueueContext, 'redis' | 'events'>): Promise<ServerFacts> {
  const facts = factsFromInfo(await redis.info());
  if (Number.parseInt(facts.version, 10) < requiredMajor) {
    throw new ServiceError(
      'dependency_unsupported',
      `Redis ${facts.version} is too old: the queue needs Redis 7.0 or newer, or Valkey`,
    );
  }
  for (const message of dangers(facts)) events.emit('redis:warning', { message });
  return facts;
}

function dangers({ evictionPolicy, appendOnlyFile }: ServerFacts): string[] {
  const found: string[] = [];
  if (evictionPolicy !== 'noeviction') {
    found.push(
      `Redis evicts keys when its memory is full (maxmemory-policy ${evictionPolicy}): tasks can vanish. Set noeviction`,
    );
  }
  if (!appendOnlyFile) {
    found.push('Redis keeps no append-only file: tasks can vanish when it restarts. Set appendonly yes');
  }
  return found;
}

/** Valkey reports the Redis version it is compatible with under the same name. */
export function factsFromInfo(info: string): ServerFacts {
  const value = (name: string) => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
  const saves = ['aof_last_write_status', 'rdb_last_bgsave_status'].map(value);
  return {
    version: value('redis_version'),
    evictionPolicy: value('maxmemory_policy'),
    appendOnlyFile: value('aof_enabled') === '1',
    lastSaveWorked: !saves.includes('err'),
    usedMemoryBytes: Number(value('used_memory')),
    memoryLimitBytes: Number(value('maxmemory')) || Number(value('total_system_memory')),
  };
}

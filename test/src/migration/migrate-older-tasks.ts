import { createStreamsQueue, type MigrationReport, migrateTasks, openRedisSource } from '@musicgen/queue';
import type { Redis } from 'ioredis';

/** What `musicgen migrate` does, with `--verify` or without, so many tasks at a time. */
export async function migrateOlderTasks(
  from: Redis,
  to: Redis,
  { verify, batchSize }: { verify: boolean; batchSize: number },
): Promise<MigrationReport> {
  const target = { redis: to, prefix: 'musicgen' };
  const source = await openRedisSource({
    source: { redis: from, prefix: 'musicgen' },
    target,
    batchSize,
    rules: { now: Date.now, maxAttempts: 4, ttlSeconds: 86_400, maxDurationSeconds: 300 },
    dryRun: false,
  });
  const queue = createStreamsQueue(target);
  await queue.prepare();
  return migrateTasks({ source, target: queue, verify });
}

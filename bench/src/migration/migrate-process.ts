/** Migrates and verifies as `musicgen migrate` does, in a process whose memory is its own: source and target as Redis URLs. */
import { createStreamsQueue, type MigrationStep, migrateTasks, openRedisSource } from '@musicgen/queue';
import { Redis } from 'ioredis';

const [sourceUrl = '', targetUrl = ''] = process.argv.slice(2);
const source = { redis: new Redis(sourceUrl), prefix: 'musicgen' };
const target = { redis: new Redis(targetUrl), prefix: 'musicgen' };
const rules = { now: Date.now, maxAttempts: 4, ttlSeconds: 86_400, maxDurationSeconds: 300 };

const startedAt: Partial<Record<MigrationStep, number>> = {};
const queue = createStreamsQueue(target);
await queue.prepare();
const report = await migrateTasks({
  source: await openRedisSource({ source, target, batchSize: 100, rules, dryRun: false }),
  target: queue,
  verify: true,
  onProgress: (step) => {
    startedAt[step] ??= performance.now();
  },
});
const { migrate = 0, verify = 0 } = startedAt;
const measured = {
  migrated: report.migrated,
  verified: report.verified,
  migrateSeconds: (verify - migrate) / 1000,
  verifySeconds: (performance.now() - verify) / 1000,
  peakMegabytes: process.resourceUsage().maxRSS / 1000,
};
process.stdout.write(JSON.stringify(measured));
for (const { redis } of [source, target]) redis.disconnect();

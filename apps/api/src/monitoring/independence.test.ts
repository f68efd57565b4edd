import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import { uuidv7 } from 'uuidv7';
import { createTestApp, type TestApp } from '../test-setup.ts';
import { workerDescription } from './test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

const paths = [
  '/api/v1/monitoring/tasks/health',
  '/api/v1/monitoring/tasks/metrics',
  '/api/v1/monitoring/tasks/distribution',
  '/api/v1/monitoring/tasks/performance',
  '/api/v1/monitoring/tasks/queue/NORMAL?limit=50',
  '/api/v1/monitoring/tasks/stalled',
  '/api/v1/monitoring/tasks/trends',
  '/api/v1/monitoring/workers',
  '/api/v1/monitoring/autoscale',
  '/api/v1/models',
  '/api/v1/queue',
  '/api/v1/admin/dead-letters',
];

test('no answer takes more commands with a hundred thousand tasks than with a hundred', async () => {
  await using few = await createTestApp({ redisUrl: server.url, maxLength: 1_000_000 });
  await using many = await createTestApp({ redisUrl: server.url, maxLength: 1_000_000 });
  for (const context of [few, many]) {
    await load(context, 100);
    await context.consumer.describe(workerDescription);
  }
  await crowd(many, 99_900);
  const { body } = await request(many.app).get('/api/v1/monitoring/tasks/metrics');
  expect(body.pending_tasks).toBe(100_000);
  // Redis learns the scripts at their first use.
  for (const { app } of [few, many]) await request(app).get('/api/v1/monitoring/tasks/health');

  for (const path of paths) {
    const difference = (await commandsOf(many, path)) - (await commandsOf(few, path));
    // A minute that begins between the two is one more of them to read.
    expect([path, Math.abs(difference) <= 2 ? 'the same' : difference]).toEqual([path, 'the same']);
  }
});

async function load({ queue }: TestApp, count: number): Promise<void> {
  const tasks = Array.from({ length: count }, () => ({
    id: uuidv7(),
    priority: 'NORMAL' as const,
    request: { prompt: 'lofi', duration: 10, priority: 'NORMAL', ttl: 3600, seed: 1 },
    cost: 10_000,
    ttlSeconds: 3600,
    maxAttempts: 1,
  }));
  await queue.createProducer({ maxLength: 1_000_000 }).enqueueBatch(tasks);
}

/** More in the indexes that grow with the tasks, behind those that have a record; no answer reads that far. */
async function crowd({ redis, prefix }: TestApp, count: number): Promise<void> {
  const later = Date.now() + 60_000;
  for (let done = 0; done < count; done += 900) {
    const members = Array.from({ length: Math.min(900, count - done) }, () => [later, uuidv7()]).flat();
    await redis.zadd(`${prefix}:queue:NORMAL`, ...members);
    await redis.zadd(`${prefix}:expiry`, ...members);
  }
}

/** How many commands the server executed for one request, those inside scripts included. */
async function commandsOf({ app, redis }: TestApp, path: string): Promise<number> {
  const processed = async () => {
    const calls = [...(await redis.info('commandstats')).matchAll(/cmdstat_(\S+):calls=(\d+)/g)];
    return calls.filter(([, name]) => name !== 'info').reduce((sum, [, , count]) => sum + Number(count), 0);
  };
  const before = await processed();
  const { status } = await request(app).get(path);
  const after = await processed();
  expect([path, status]).toEqual([path, 200]);
  return after - before;
}

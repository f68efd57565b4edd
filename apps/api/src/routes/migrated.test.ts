import { randomUUID } from 'node:crypto';
import { migrateTasks, openRedisSource } from '@musicgen/queue';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import { createTestApp } from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

test('tasks of an older service are shown, listed and submitted once more like any other; their audio is gone', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { app, redis, queue, prefix } = context;
  const [done, waiting] = [randomUUID(), randomUUID()];
  const metadata = Object.fromEntries(
    Array.from({ length: 20 }, (_, index) => [`note ${index}`, 'x'.repeat(300)]),
  );
  const record = {
    request: { prompt: 'lofi piano', style: 'calm' },
    created_at: '2026-11-27T10:00:00',
    metadata,
  };
  const write = (id: string, more: object) =>
    redis.set(`older:task:${id}`, JSON.stringify({ ...record, ...more }), 'EX', 3600);
  await write(done, { status: 'completed', result: { audio_url: '/outputs/a.wav' } });
  await write(waiting, { status: 'queued' });
  const source = await openRedisSource({
    source: { redis, prefix: 'older' },
    target: { redis, prefix },
    batchSize: 10,
    rules: { now: Date.now, maxAttempts: 2, ttlSeconds: 86_400, maxDurationSeconds: 300 },
    dryRun: false,
  });
  expect(await migrateTasks({ source, target: queue, verify: true })).toMatchObject({
    migrated: 2,
    verified: 2,
  });

  const { body } = await request(app).get(`/api/v1/tasks/${done}`);
  expect(body).toMatchObject({
    status: 'completed',
    result: null,
    imported_result: { audio_url: '/outputs/a.wav' },
    request: { metadata: { ...metadata, style: 'calm' } },
  });
  expect((await request(app).get(`/api/v1/tasks/${waiting}`)).body.queue).toEqual({ position: 1, ahead: 0 });
  expect((await request(app).get(`/api/v1/tasks/${done}/audio`)).status).toBe(410);
  expect((await request(app).get('/api/v1/tasks')).body.tasks).toHaveLength(2);
  expect((await request(app).post(`/api/v1/tasks/${done}/retry`)).status).toBe(202);
});

import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import { createTestApp, submit } from './test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

test('without Redis the API lives, is not ready, and refuses at once', async () => {
  await using context = await createTestApp({ redisUrl: 'redis://127.0.0.1:1' });
  expect((await request(context.app).get('/livez')).status).toBe(200);
  const ready = await request(context.app).get('/readyz');
  expect([ready.status, ready.body.detail]).toEqual([503, 'Redis is away.']);
  const response = await submit(context, { prompt: 'x' });
  expect([response.status, response.body.code]).toEqual([503, 'dependency_unavailable']);
  expect(response.headers['retry-after']).toBeDefined();
});

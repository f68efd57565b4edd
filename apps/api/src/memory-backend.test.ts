import { hashApiKey } from '@musicgen/access';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import { createMemoryBackend } from './memory-backend.ts';
import { completedTask, createTestApp, submit } from './test-setup.ts';

const key = `mgk_${'a'.repeat(38)}`;

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => redis.stop());

const setup = (env: Record<string, string> = {}) =>
  createTestApp({ redisUrl: redis.url, backend: createMemoryBackend(), env });

test('without Redis every view of the service has its answer, held against the document', async () => {
  await using context = await setup();
  await completedTask(context);
  await submit(context, { prompt: 'waits' });
  const views = [
    ...['health', 'metrics', 'distribution', 'performance', 'trends', 'stalled', 'queue/NORMAL'].map(
      (view) => `/monitoring/tasks/${view}`,
    ),
    ...[
      '/monitoring/workers',
      '/models',
      '/queue',
      '/tasks',
      '/admin/dead-letters',
      '/admin/webhook-deliveries',
    ],
  ];
  for (const view of views) {
    const { status } = await request(context.app).get(`/api/v1${view}`);
    expect([view, status]).toEqual([view, 200]);
  }
  const { body } = await request(context.app).get('/api/v1/monitoring/tasks/metrics');
  expect(body).toMatchObject({ completed_tasks: 1, pending_tasks: 1 });
  const health = await request(context.app).get('/healthz');
  expect(health.body).toMatchObject({ status: 'ok', redis: null, queue: { kind: 'memory', waiting: 1 } });
  expect(await context.redis.keys('*:task:*')).toEqual([]);
});

test('what needs a fleet says so', async () => {
  await using context = await setup();
  const drained = await request(context.app).post('/api/v1/admin/workers/worker-1/drain');
  expect([drained.status, drained.body.code]).toEqual([409, 'needs_fleet']);
  const { body } = await request(context.app).get('/api/v1/monitoring/autoscale');
  expect(body).toMatchObject({ desired_replicas: 1, reason: expect.stringContaining('one process') });
});

test('every task is exported, page by page', async () => {
  await using context = await setup();
  const requests = Array.from({ length: 40 }, () => ({ prompt: 'lofi' }));
  const posted = new Set<string>();
  for (let batch = 0; batch < 2; batch++) {
    const { body } = await request(context.app).post('/api/v1/batches').send({ requests });
    for (const { id } of body.tasks) posted.add(id);
  }
  const { text } = await request(context.app).get('/api/v1/admin/tasks/export').buffer();
  const lines = text.trimEnd().split('\n');
  const exported = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'task');
  expect(new Set(exported.map(({ task }) => task.id))).toEqual(posted);
  expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ type: 'end', tasks: 80 });
});

test('keys, rates and seconds are counted in the process', async () => {
  const API_KEYS = `ops:admin:${hashApiKey(key).toString('hex')}`;
  await using context = await setup({ API_KEYS, API_DAILY_SECONDS: '10', API_RATE_LIMIT: '5' });
  const as = (presented: string) => ({ Authorization: `Bearer ${presented}` });
  const post = (presented: string, path: string, body: object) =>
    request(context.app).post(`/api/v1${path}`).set(as(presented)).send(body);
  const made = await post(key, '/admin/keys', { name: 'studio', scopes: ['generate'] });
  expect(made.status).toBe(201);
  const own = made.body.key;
  expect((await post(own, '/generate', { prompt: 'lofi', duration: 8 })).status).toBe(202);
  expect((await post(own, '/generate', { prompt: 'lofi', duration: 8 })).body.code).toBe('quota_exceeded');
  for (let count = 0; count < 3; count++) await post(own, '/generate', { prompt: 'lofi', duration: 1 });
  expect((await post(own, '/generate', { prompt: 'lofi', duration: 1 })).body.code).toBe('rate_limited');
});

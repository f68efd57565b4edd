import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import { expectLikeExample, seedHistory, workerDescription } from '../monitoring/test-setup.ts';
import { createTestApp } from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  // As the service wants it, but for waiting for a disk that may be busy.
  server = await startRedisServer({ settings: { appendfsync: 'no' } });
});
afterAll(() => server.stop());

test('the queue says how long it is, how long one waits, and when a piece would be done', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  await seedHistory(context);
  const { body } = await request(context.app).get('/api/v1/queue');
  await expectLikeExample('queue-state', body);
});

test('a full queue accepts nothing more', async () => {
  await using context = await createTestApp({ redisUrl: server.url, maxLength: 3 });
  await seedHistory(context);
  const { body } = await request(context.app).get('/api/v1/queue');
  expect(body).toMatchObject({ accepting: false, waiting: 3, capacity: 3 });
});

test('models are those of live workers, each once, with the mean of their measured speeds', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const [model] = workerDescription.models;
  const faster = { ...workerDescription, slots: 4, models: [{ ...model, speed: { alone: 200, all: 450 } }] };
  const other = { ...workerDescription, models: [{ ...model, id: 'other' }] };
  const descriptions = Object.entries({ a: workerDescription, b: faster, c: other, old: { slots: 1 } });
  for (const [workerId, description] of descriptions) {
    const worker = context.queue.createConsumer({ workerId, priorities: ['LOW'] });
    await worker.describe(description);
  }
  const { body } = await request(context.app).get('/api/v1/models');
  expect(body.default).toBe('test');
  expect(body.models).toMatchObject([
    { id: 'test', workers: 2, slots: 6, speed: { alone: 150, all: 300 }, max_duration: 300 },
    { id: 'other', workers: 1, slots: 2, speed: { alone: 100, all: 150 } },
  ]);
});

test('the health of a process names its parts, and those that do not answer', async () => {
  const ownServer = await startRedisServer();
  await using context = await createTestApp({ redisUrl: ownServer.url });
  await seedHistory(context);
  const well = (await request(context.app).get('/healthz')).body;
  expect(well).toMatchObject({
    status: 'ok',
    redis: { up: true },
    store: { up: true },
    queue: { waiting: 3, processing: 1 },
    workers: { live: 1, slots: 2 },
  });
  await ownServer.stop();
  const { status, body } = await request(context.app).get('/healthz');
  expect([status, body.status, body.redis, body.store]).toEqual([
    200,
    'degraded',
    { up: false, version: null },
    { up: true },
  ]);
});

test('without a worker there is no model', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  expect((await request(context.app).get('/api/v1/models')).body).toEqual({ default: null, models: [] });
});

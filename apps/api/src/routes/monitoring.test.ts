import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import { expectLikeExample, seedHistory } from '../monitoring/test-setup.ts';
import { createTestApp, type TestApp } from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  // As the service wants it, but for waiting for a disk that may be busy.
  server = await startRedisServer({ settings: { appendfsync: 'no' } });
});
afterAll(() => server.stop());

const get = ({ app }: TestApp, path: string) => request(app).get(`/api/v1/monitoring${path}`);

test.each([
  ['health', '/tasks/health'],
  ['metrics', '/tasks/metrics'],
  ['distribution', '/tasks/distribution'],
  ['performance', '/tasks/performance?time_window=3600'],
  ['queue', '/tasks/queue/high?limit=1'],
  ['stalled', '/tasks/stalled?stall_timeout=3600'],
  ['trends', '/tasks/trends?hours=2'],
  ['workers', '/workers'],
  ['autoscale', '/autoscale'],
])('the answer about %s is that of the stored example', async (name, path) => {
  await using context = await createTestApp({ redisUrl: server.url });
  await seedHistory(context);
  const response = await get(context, path);
  expect(response.status).toBe(200);
  await expectLikeExample(name, response.body);
});

test('cleaning up does maintenance at once and says what it did', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { redis, prefix } = context;
  const { deadId } = await seedHistory(context);
  await redis.zadd(`${prefix}:expiry`, 1, deadId);
  const [waiting] = await redis.zrange(`${prefix}:queue:LOW`, '0', '0');
  await redis.hset(`${prefix}:task:${waiting}`, 'expiresAt', 1);
  await redis.zadd(`${prefix}:expiry`, 1, String(waiting));
  const { status, body } = await request(context.app).post('/api/v1/monitoring/tasks/cleanup');
  expect(status).toBe(200);
  await expectLikeExample('cleanup', body);
});

test('a priority may be named in any case or numbered, and an unknown one is a bad request', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  for (const name of ['critical', 'CRITICAL', 'Critical', '20']) {
    expect((await get(context, `/tasks/queue/${name}`)).body.priority).toBe('CRITICAL');
  }
  for (const name of ['urgent', '0', '-1', '%00', 'HIGH,LOW', '__proto__']) {
    const { status, body } = await get(context, `/tasks/queue/${name}`);
    expect([status, body.code]).toEqual([400, 'unknown_priority']);
  }
});

test('what is out of bounds is refused by its name', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  for (const [path, parameter] of [
    ['/tasks/performance?time_window=59', 'time_window'],
    ['/tasks/performance?time_window=604801', 'time_window'],
    ['/tasks/performance?time_window=1e3x', 'time_window'],
    ['/tasks/trends?hours=0', 'hours'],
    ['/tasks/trends?hours=169', 'hours'],
    ['/tasks/queue/HIGH?limit=1001', 'limit'],
    ['/tasks/queue/HIGH?limit=0', 'limit'],
    ['/tasks/stalled?stall_timeout=0', 'stall_timeout'],
    ['/tasks/stalled?unheard=1', 'unheard'],
  ] as const) {
    const { status, body } = await get(context, path);
    expect([path, status, body.errors?.[0]?.parameter]).toEqual([path, 422, parameter]);
  }
});

test('a record that nobody can read does not hide the others', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  await seedHistory(context);
  const { redis, prefix } = context;
  const [first] = await redis.zrange(`${prefix}:queue:HIGH`, '0', '0');
  await redis.set(`${prefix}:json:${first}`, '{"prompt": 5}');
  const { status, body } = await get(context, '/tasks/queue/HIGH');
  expect([status, body.total_length, body.tasks.length]).toEqual([200, 2, 1]);
  expect(body.tasks[0]).toMatchObject({ queue_position: 2, queue: { position: 2, ahead: 1 } });
});

test('an empty service is healthy and has an answer for everything', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { body } = await get(context, '/tasks/health');
  expect(body).toMatchObject({ status: 'healthy', warnings: [], last_cleanup: null });
  expect(body.metrics).toMatchObject({ total_tasks: 0, avg_processing_time: 0, queue_length: 0 });
  expect((await get(context, '/tasks/performance')).body).toMatchObject({
    success_rate: 0,
    completed_tasks: 0,
    throughput_per_minute: 0,
  });
  expect((await get(context, '/autoscale')).body.desired_replicas).toBe(0);
});

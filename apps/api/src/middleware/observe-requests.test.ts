import { createHash } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createLogger } from '@musicgen/service';
import request from 'supertest';
import { createTestApp, submit } from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

/** A logger of ours that writes where the test can read. */
function readableLogger(level: string) {
  const destination = new PassThrough();
  const logger = createLogger({ service: 'api', level, destination });
  const text = () => String(destination.read() ?? '');
  return { logger, text, lines: () => text().trimEnd().split('\n').map(parsed) };
}

const parsed = (line: string) => JSON.parse(line) as Record<string, unknown>;

test('each request writes one line: who asked for what, about which task, how it ended and how long it took', async () => {
  const { logger, lines } = readableLogger('info');
  const key = 'mgk_log';
  const env = { API_KEYS: `ada:generate:${createHash('sha256').update(key).digest('hex')}` };
  await using context = await createTestApp({ redisUrl: server.url, logger, env });
  const call = (verb: 'get' | 'post', path: string) => request(context.app)[verb](path).set('X-API-Key', key);

  const { body, headers } = await call('post', '/api/v1/generate').send({
    prompt: 'secret',
    priority: 'HIGH',
  });
  await call('get', `/api/v1/tasks/${body.id}`);
  const batch = await call('post', '/api/v1/batches').send({ requests: [{ prompt: 'a' }, { prompt: 'b' }] });
  await call('post', '/api/v1/generate').send({ prompt: '' });
  await request(context.app).get('/livez');
  await request(context.app).get('/metrics');

  const common = { level: 'info', msg: 'request', service: 'api', caller: 'ada', aborted: false };
  const posted = { ...common, method: 'POST', duration_ms: expect.any(Number), time: expect.any(String) };
  expect(lines()).toEqual([
    {
      ...posted,
      request_id: headers['x-request-id'],
      route: '/api/v1/generate',
      status: 202,
      task_id: body.id,
      priority: 'HIGH',
    },
    expect.objectContaining({
      ...common,
      method: 'GET',
      route: '/api/v1/tasks/:id',
      status: 200,
      task_id: body.id,
    }),
    {
      ...posted,
      request_id: batch.headers['x-request-id'],
      route: '/api/v1/batches',
      status: 202,
      batch_id: batch.body.batch_id,
      task_ids: batch.body.tasks.map(({ id }: { id: string }) => id),
    },
    expect.objectContaining({ ...posted, status: 422, reason: 'invalid_request' }),
  ]);
});

test('a prompt stands in the log at debug only', async () => {
  for (const [level, isShown] of [
    ['info', false],
    ['debug', true],
  ] as const) {
    const { logger, text } = readableLogger(level);
    await using context = await createTestApp({ redisUrl: server.url, logger });
    await submit(context, { prompt: 'a secret song' });
    expect(text().includes('a secret song')).toBe(isShown);
  }
});

import { randomUUID } from 'node:crypto';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import type { Operation } from './openapi/document.ts';
import { createTestApp, type TestApp } from './test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

test('with Redis the API is ready', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  expect((await request(context.app).get('/readyz')).body).toEqual({ status: 'ready' });
});

test('no task of an id that was never given is found, whatever is wanted of it', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const requests = await documentedRequests(context, { answering: 404 });
  for (const { method, path, body } of requests.filter(({ path }) => path.startsWith('/api/v1/tasks/'))) {
    const response = await request(context.app)[method](path).send(body);
    expect([method, path, response.status, response.body.code]).toEqual([method, path, 404, 'not_found']);
  }
});

test('a parameter that a path does not know is refused by name wherever it would be ignored', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  for (const { method, path, body } of await documentedRequests(context, { answering: 422 })) {
    const response = await request(context.app)[method](`${path}?unheard_of=1`).send(body);
    expect([method, path, response.status, response.body.errors?.at(-1).parameter]).toEqual([
      method,
      path,
      422,
      'unheard_of',
    ]);
  }
});

describe('without Redis', () => {
  test('the API lives, is not ready, and can be read about', async () => {
    await using context = await createTestApp({ redisUrl: 'redis://127.0.0.1:1' });
    for (const path of ['/livez', '/healthz', '/metrics', '/openapi.json', '/docs'])
      expect((await request(context.app).get(path)).status).toBe(200);
    const ready = await request(context.app).get('/readyz');
    expect([ready.status, ready.body.detail]).toEqual([503, 'Redis is away.']);
  });

  test('everything that needs it refuses at once and says when to come again', async () => {
    await using context = await createTestApp({ redisUrl: 'redis://127.0.0.1:1' });
    const requests = await documentedRequests(context, { answering: 503 });
    // Of these only the key may need Redis.
    for (const { method, path, body } of requests.filter(({ path }) => !needNoRedis.test(path))) {
      const response = await request(context.app)[method](path).send(body);
      expect([method, path, response.status, response.body.code]).toEqual([
        method,
        path,
        503,
        'dependency_unavailable',
      ]);
      expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
    }
  });
});

/** What is documented to answer 503 only because a caller's key or rate may not be known. */
const needNoRedis = /^\/(api\/v1\/inspect|api\/v1\/uploads\/.+|metrics|api\/v1\/admin\/config)$/;

type Method = 'get' | 'post' | 'patch' | 'delete';

/** The requests that may be answered so, each with random ids and the example of its body. */
async function documentedRequests({ app }: TestApp, { answering }: { answering: number }) {
  const { body: document } = await request(app).get('/openapi.json');
  const found: { method: Method; path: string; body: object | undefined }[] = [];
  for (const [path, operations] of Object.entries<Record<Method, Operation>>(document.paths)) {
    for (const [method, { requestBody, responses }] of Object.entries(operations)) {
      if (responses[answering] === undefined || path === '/readyz') continue;
      // What takes a file has tests of its own.
      if (requestBody !== undefined && requestBody.content['application/json'] === undefined) continue;
      const body = requestBody?.content['application/json']?.example as object | undefined;
      found.push({
        method: method as Method,
        path: path.replace('{priority}', 'HIGH').replaceAll(/\{\w+\}/g, randomUUID()),
        body,
      });
    }
  }
  return found;
}

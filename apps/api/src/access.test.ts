import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApiKey, hashApiKey } from '@musicgen/access';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import { apiRoutes } from './app.ts';
import { completedTask, createTestApp, submit, type TestApp } from './test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

const keys = { admin: createApiKey(), monitor: createApiKey(), ann: createApiKey(), bob: createApiKey() };

/** The value of API_KEYS for these keys; `limits` are those of all. */
function keyList({ limits = '' } = {}): string {
  const scopesOf = { admin: 'admin', monitor: 'monitor', ann: 'generate', bob: 'generate' };
  const entries = Object.entries(scopesOf) as [keyof typeof keys, string][];
  return entries
    .map(([name, scopes]) => `${name}:${scopes}:${hashApiKey(keys[name]).toString('hex')}:${limits}`)
    .join(' ');
}

/** An app that asks for keys. */
function createClosedApp(env: Record<string, string> = {}, limits = '') {
  return createTestApp({ redisUrl: server.url, env: { API_KEYS: keyList({ limits }), ...env } });
}

/** Calls a route with parameters that could be. */
function call({ app }: TestApp, { method, path }: { method: string; path: string }, key?: string) {
  const filled = path
    .replace('{priority}', 'HIGH')
    .replaceAll(/\{\w+\}/g, '00000000-0000-4000-8000-000000000000');
  const test = request(app)[method as 'get' | 'post'](filled);
  return key === undefined ? test : test.set('Authorization', `Bearer ${key}`);
}

const guarded = ({ options }: TestApp) => apiRoutes(options).filter(({ scope }) => scope !== 'public');

test('every route but the public ones asks for a key with its scope', async () => {
  await using context = await createClosedApp();
  expect(guarded(context).length).toBeGreaterThan(5);
  for (const route of guarded(context)) {
    const without = await call(context, route);
    expect([route.path, without.status, without.body.code]).toEqual([route.path, 401, 'unauthorized']);
    expect(without.headers['www-authenticate']).toBe('Bearer realm="musicgen"');
    const wrong = await call(context, route, route.scope === 'monitor' ? keys.ann : keys.monitor);
    expect([route.path, wrong.status, wrong.body.code]).toEqual([route.path, 403, 'forbidden']);
  }
});

test('every route but the public ones counts its calls, and says when to come again', async () => {
  await using context = await createClosedApp({}, 'rate=1');
  const first = await call(context, { method: 'get', path: '/metrics' }, keys.admin);
  expect(first.headers).toMatchObject({
    'ratelimit-policy': '"requests";q=1;w=60',
    ratelimit: expect.stringMatching(/^"requests";r=0;t=\d+$/),
  });
  for (const route of guarded(context)) {
    const refused = await call(context, route, keys.admin);
    expect([route.path, refused.status, refused.body.code]).toEqual([route.path, 429, 'rate_limited']);
    expect(Number(refused.headers['retry-after'])).toBe(refused.body.retry_after_seconds);
  }
  expect((await call(context, { method: 'get', path: '/metrics' }, keys.monitor)).status).toBe(200);
});

test('without Redis the keys of the environment work; whether another one does nobody can say', async () => {
  await using context = await createTestApp({
    redisUrl: 'redis://127.0.0.1:1',
    env: { API_KEYS: keyList() },
  });
  for (const route of guarded(context)) {
    const unknown = await call(context, route, createApiKey());
    expect([route.path, unknown.status, unknown.body.code]).toEqual([
      route.path,
      503,
      'dependency_unavailable',
    ]);
  }
  const metrics = await call(context, { method: 'get', path: '/metrics' }, keys.monitor);
  expect(metrics.status).toBe(200);
  const submitted = await submit(context, { prompt: 'x' }).set('X-API-Key', keys.ann);
  expect([submitted.status, submitted.body.code]).toEqual([503, 'dependency_unavailable']);
});

test('an unknown, a mistyped, a revoked and an expired key get the same answer to the last byte', async () => {
  await using context = await createClosedApp();
  const { keyStore } = context.options.access;
  const newKey = { name: 'eve', scopes: ['generate'], limits: {}, createdBy: 'ops' } as const;
  const revoked = await keyStore.create(newKey);
  await keyStore.revoke(revoked.stored.id);
  const expired = await keyStore.create({ ...newKey, expiresAt: Date.now() - 1 });
  const answers = [];
  for (const key of [createApiKey(), 'mgk_mistyped', 'x'.repeat(5_000), revoked.key, expired.key]) {
    const { status, body, headers } = await request(context.app)
      .get('/api/v1/admin/keys')
      .set('X-API-Key', key)
      .set('X-Request-Id', 'same');
    const { date: _date, ...rest } = headers;
    answers.push(JSON.stringify({ status, body, rest }));
  }
  expect(new Set(answers).size).toBe(1);
  expect(answers[0]).toContain('"status":401');
});

/** A request as no library would send it. */
async function rawStatus({ app }: TestApp, headers: string[]): Promise<number | undefined> {
  const listening = app.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  const sent = httpRequest({
    port,
    host: '127.0.0.1',
    path: '/metrics',
    headers: ['Host', 'localhost', ...headers],
  });
  sent.end();
  const [response] = await once(sent, 'response');
  response.resume();
  listening.close();
  return response.statusCode;
}

test('the same key may come twice, two different ones are refused wherever they stand', async () => {
  await using context = await createClosedApp();
  const bearer = `Bearer ${keys.monitor}`;
  expect(await rawStatus(context, ['Authorization', bearer, 'X-API-Key', keys.monitor])).toBe(200);
  expect(await rawStatus(context, ['authorization', `bearer  ${keys.monitor}`])).toBe(200);
  expect(await rawStatus(context, ['Authorization', bearer, 'X-API-Key', keys.admin])).toBe(401);
  expect(await rawStatus(context, ['Authorization', bearer, 'Authorization', `Bearer ${keys.admin}`])).toBe(
    401,
  );
  expect(await rawStatus(context, ['X-API-Key', keys.monitor, 'X-API-Key', keys.admin])).toBe(401);
  expect(await rawStatus(context, ['Authorization', `Basic ${keys.monitor}`])).toBe(401);
  expect(await rawStatus(context, ['Authorization', bearer, 'X-API-Key', ''])).toBe(401);
  expect(await rawStatus(context, ['Authorization', `Bearer ${'x'.repeat(20_000)}`])).toBe(431);
});

test('a key sees its own tasks only; an administrator sees all', async () => {
  await using context = await createClosedApp();
  const { body: task } = await submit(context, { prompt: 'x' }).set('X-API-Key', keys.ann);
  const { self, cancel, events, audio } = task.links;
  for (const path of [self, events, audio]) {
    const foreign = await request(context.app).get(path).set('X-API-Key', keys.bob);
    expect([path, foreign.status, foreign.body.code]).toEqual([path, 404, 'not_found']);
  }
  expect((await request(context.app).post(cancel).set('X-API-Key', keys.bob)).status).toBe(404);
  expect((await request(context.app).get(self).set('X-API-Key', keys.ann)).body.status).toBe('pending');
  expect((await request(context.app).get(self).set('X-API-Key', keys.admin)).status).toBe(200);
});

test('the public routes are open, and metrics are where the operator says so', async () => {
  await using context = await createClosedApp({ API_METRICS_OPEN: 'true' });
  for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json']) {
    expect([path, (await request(context.app).get(path)).status]).toEqual([path, 200]);
  }
});

describe('keys that an administrator makes', () => {
  const asAdmin = (test: request.Test) => test.set('Authorization', `Bearer ${keys.admin}`);

  test('a key is shown once, works, is listed without itself, and ends when it is revoked', async () => {
    await using context = await createClosedApp();
    const { app } = context;
    const created = await asAdmin(request(app).post('/api/v1/admin/keys')).send({
      name: 'studio',
      scopes: ['generate'],
      limits: { requests_per_minute: 5 },
      expires_at: '2999-01-01T00:00:00+01:00',
    });
    expect([created.status, created.body.status]).toEqual([201, 'active']);
    const { key, ...shown } = created.body;
    expect(shown).toMatchObject({
      name: 'studio',
      created_by: 'admin',
      expires_at: '2998-12-31T23:00:00.000Z',
    });
    const used = await submit(context, { prompt: 'x' }).set('X-API-Key', key);
    expect([used.status, used.headers['ratelimit-policy']]).toEqual([202, '"requests";q=5;w=60']);

    const listed = await asAdmin(request(app).get('/api/v1/admin/keys'));
    expect(listed.body.keys).toEqual([shown]);
    const revoked = await asAdmin(request(app).delete(`/api/v1/admin/keys/${shown.id}`));
    expect([revoked.status, revoked.body.status]).toEqual([200, 'revoked']);
    expect((await submit(context, { prompt: 'x' }).set('X-API-Key', key)).status).toBe(401);
    expect((await asAdmin(request(app).delete(`/api/v1/admin/keys/${'0'.repeat(24)}`))).status).toBe(404);
  });

  test.each([
    ['an unknown scope', { name: 'a', scopes: ['root'] }, '#/scopes/0'],
    ['no scope', { name: 'a', scopes: [] }, '#/scopes'],
    ['a name with a colon', { name: 'a:b', scopes: ['admin'] }, '#/name'],
    ['an unknown limit', { name: 'a', scopes: ['admin'], limits: { speed: 1 } }, '#/limits/speed'],
    [
      'a time without a zone',
      { name: 'a', scopes: ['admin'], expires_at: '2999-01-01T00:00:00' },
      '#/expires_at',
    ],
  ])('%s is refused by field', async (_what, body, pointer) => {
    await using context = await createClosedApp();
    const refused = await asAdmin(request(context.app).post('/api/v1/admin/keys')).send(body);
    expect([refused.status, refused.body.errors[0].pointer]).toEqual([422, pointer]);
  });

  test('the body must be JSON of a sensible size, and there is an end to how many keys are kept', async () => {
    await using context = await createClosedApp();
    const post = () => asAdmin(request(context.app).post('/api/v1/admin/keys'));
    expect((await post().type('text/plain').send('x')).status).toBe(415);
    expect((await post().type('json').send('{')).status).toBe(400);
    expect((await post().send({ name: 'a'.repeat(70_000) })).status).toBe(413);
    const { stored } = await context.options.access.keyStore.create({
      name: 'a',
      scopes: ['generate'],
      limits: {},
      createdBy: undefined,
    });
    const full = Object.fromEntries(
      Array.from({ length: 999 }, (_, index) => [index, JSON.stringify(stored)]),
    );
    await context.redis.hset(`${context.prefix}:api-keys`, full);
    const refused = await post().send({ name: 'a', scopes: ['generate'] });
    expect([refused.status, refused.body.code]).toEqual([409, 'key_limit']);
  });
});

describe('limits', () => {
  test('unfinished tasks are limited for each key, and finishing one makes room', async () => {
    await using context = await createClosedApp({}, 'tasks=1');
    const post = (key: string) => submit(context, { prompt: 'x' }).set('X-API-Key', key);
    const first = await post(keys.ann);
    const refused = await post(keys.ann);
    expect([refused.status, refused.body.code]).toEqual([429, 'concurrency_limit']);
    expect((await post(keys.bob)).status).toBe(202);
    await request(context.app).post(first.body.links.cancel).set('X-API-Key', keys.ann);
    expect((await post(keys.ann)).status).toBe(202);
  });

  test('seconds of music are limited for each key and day; what was not admitted is given back', async () => {
    await using context = await createClosedApp({ API_DAILY_SECONDS: '30' });
    const post = (duration: number, key = keys.ann) =>
      submit(context, { prompt: 'x', duration }).set('X-API-Key', key);
    expect((await post(20)).status).toBe(202);
    const refused = await post(11);
    expect([refused.status, refused.body.code]).toEqual([429, 'quota_exceeded']);
    expect(refused.body.detail).toBe('This takes 11 s of music; 10 of 30 s are left today (UTC).');
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(86_400);
    expect((await post(30, keys.bob)).status).toBe(202);
    // The queue of a test takes a hundred.
    await context.redis.zadd(
      `${context.prefix}:queue:LOW`,
      ...Array.from({ length: 200 }, (_, index) => [1, `filler-${index}`]).flat(),
    );
    expect((await post(10)).body.code).toBe('queue_full');
    await context.redis.del(`${context.prefix}:queue:LOW`);
    expect((await post(10)).status).toBe(202);
  });

  test('an open service counts addresses, behind a trusted proxy those that it names', async () => {
    const env = { API_RATE_LIMIT: '1', API_TRUST_PROXY: '1' };
    await using context = await createTestApp({ redisUrl: server.url, env });
    const from = (address: string) => request(context.app).get('/metrics').set('X-Forwarded-For', address);
    expect((await from('203.0.113.1')).status).toBe(200);
    expect((await from('203.0.113.1')).status).toBe(429);
    expect((await from('203.0.113.2')).status).toBe(200);
    // One customer's addresses of IPv6 count as one.
    expect((await from('2001:db8:1:2::1')).status).toBe(200);
    expect((await from('2001:db8:1:2:ffff::7')).status).toBe(429);
    expect((await from('2001:db8:1:3::1')).status).toBe(200);
  });

  test('without a trusted proxy nobody can invent an address', async () => {
    await using context = await createTestApp({ redisUrl: server.url, env: { API_RATE_LIMIT: '1' } });
    const from = (address: string) => request(context.app).get('/metrics').set('X-Forwarded-For', address);
    expect((await from('203.0.113.1')).status).toBe(200);
    expect((await from('203.0.113.2')).status).toBe(429);
  });

  test('while Redis is away each process counts for itself, and says so', async () => {
    await using context = await createTestApp({
      redisUrl: 'redis://127.0.0.1:1',
      env: { API_RATE_LIMIT: '1' },
    });
    expect((await request(context.app).get('/metrics')).status).toBe(200);
    expect((await request(context.app).get('/metrics')).status).toBe(429);
    const text = await context.options.registry.metrics();
    expect(text).toContain('musicgen_rate_limit_fallbacks_total 2');
  });
});

describe('browsers', () => {
  const origin = 'https://studio.example.org';

  test('without CORS no page is told anything, with it the named ones are', async () => {
    await using closed = await createTestApp({ redisUrl: server.url });
    const silent = await request(closed.app).get('/livez').set('Origin', origin);
    expect(silent.headers['access-control-allow-origin']).toBeUndefined();
    await using context = await createTestApp({ redisUrl: server.url, env: { API_CORS_ORIGINS: origin } });
    const told = await request(context.app).get('/livez').set('Origin', origin);
    expect(told.headers).toMatchObject({
      'access-control-allow-origin': origin,
      vary: expect.stringContaining('Origin'),
    });
    expect(told.headers['access-control-expose-headers']).toContain('Location');
    const other = await request(context.app).get('/livez').set('Origin', 'https://evil.example');
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('a named page may ask before it sends a key', async () => {
    const env = { API_CORS_ORIGINS: '*', API_KEYS: keyList() };
    await using context = await createTestApp({ redisUrl: server.url, env });
    const asked = await request(context.bareApp)
      .options('/api/v1/generate')
      .set('Origin', origin)
      .set('Access-Control-Request-Method', 'POST');
    expect(asked.status).toBe(204);
    expect(asked.headers['access-control-allow-headers']).toContain('Authorization');
  });

  test('in an open service foreign pages change nothing, and a name turned to its address reads nothing', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const id = await completedTask(context);
    const cancel = `/api/v1/tasks/${id}/cancel`;
    const foreign = await request(context.app).post(cancel).set('Origin', 'https://evil.example');
    expect([foreign.status, foreign.body.code]).toEqual([403, 'forbidden']);
    const own = await request(context.app)
      .post(cancel)
      .set('Host', 'localhost:8000')
      .set('Origin', 'http://localhost:8000');
    expect(own.body.code).toBe('task_finished');
    const rebound = await request(context.app).get(`/api/v1/tasks/${id}`).set('Host', 'evil.example');
    expect([rebound.status, rebound.body.code]).toEqual([403, 'forbidden']);
  });
});

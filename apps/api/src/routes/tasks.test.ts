import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { problemSchema, taskSchema } from '@musicgen/contract';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import { claimNext, completedTask, createTestApp, submit, type TestApp } from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

describe('submitting', () => {
  test('a prompt is accepted with everything a client needs to follow it', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const response = await submit(context, { prompt: ' lofi piano ', priority: 20 });
    expect(response.status).toBe(202);
    const task = taskSchema.parse(response.body);
    expect(task).toMatchObject({
      status: 'pending',
      priority: 'CRITICAL',
      queue: { position: 1, ahead: 0 },
      request: { prompt: 'lofi piano', duration: 10 },
    });
    expect(Number.isSafeInteger(task.request.seed)).toBe(true);
    expect(response.headers.location).toBe(`/api/v1/tasks/${task.id}`);
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
    const read = await request(context.app).get(response.headers.location ?? '');
    expect(read.body).toEqual(response.body);
  });

  test('a waiting task knows how many go before it', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    await submit(context, { prompt: 'one', priority: 'high' });
    await submit(context, { prompt: 'two', priority: 'low' });
    const { body } = await submit(context, { prompt: 'three', priority: 'LOW' });
    expect(body.queue).toEqual({ position: 2, ahead: 2 });
  });

  test.each<[string, object, string[]]>([
    ['an empty prompt', { prompt: '' }, ['#/prompt']],
    ['a blank prompt', { prompt: '   ' }, ['#/prompt']],
    ['a prompt that is too long', { prompt: 'a'.repeat(2001) }, ['#/prompt']],
    ['duration 0', { prompt: 'x', duration: 0 }, ['#/duration']],
    ['a negative duration', { prompt: 'x', duration: -1 }, ['#/duration']],
    ['a duration as text', { prompt: 'x', duration: 'ten' }, ['#/duration']],
    ['a duration above the maximum', { prompt: 'x', duration: 301 }, ['#/duration']],
    ['an unknown priority', { prompt: 'x', priority: 'urgent' }, ['#/priority']],
    ['a seed of 1.5', { prompt: 'x', seed: 1.5 }, ['#/seed']],
    ['an unknown field', { prompt: 'x', 'te/mpo~': 1 }, ['#/te~1mpo~0']],
    [
      'everything wrong at once',
      { prompt: '', duration: 0, mood: 'sad', tempo: 1 },
      ['#/prompt', '#/duration', '#/mood', '#/tempo'],
    ],
    ['a list', [], ['#']],
  ])('%s is refused with every field named, and nothing is stored', async (_what, body, pointers) => {
    await using context = await createTestApp({ redisUrl: server.url });
    const response = await submit(context, body);
    expect(response.status).toBe(422);
    expect(response.type).toBe('application/problem+json');
    const problem = problemSchema.parse(response.body);
    expect(problem.code).toBe('invalid_request');
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(pointers);
    // Neither a record nor an event.
    expect(await context.redis.keys(`${context.prefix}:task:*`)).toEqual([]);
  });

  const asJson = { 'Content-Type': 'application/json' };
  test.each<[string, Record<string, string>, string | Buffer, number, string]>([
    ['malformed JSON', asJson, '{"prompt": ', 400, 'malformed_json'],
    ['a bare value', asJson, '"lofi"', 400, 'malformed_json'],
    ['the same field twice', asJson, '{"prompt": "a", "prompt": "b"}', 400, 'malformed_json'],
    ['what is no UTF-8', asJson, Buffer.from('{"prompt": "f\xfcr"}', 'latin1'), 400, 'malformed_json'],
    [
      'another charset',
      { 'Content-Type': 'application/json; charset=latin1' },
      '{}',
      415,
      'unsupported_media_type',
    ],
    ['another media type', { 'Content-Type': 'text/plain' }, 'lofi', 415, 'unsupported_media_type'],
    ['no body at all', {}, '', 415, 'unsupported_media_type'],
    ['a broken gzip', { ...asJson, 'Content-Encoding': 'gzip' }, 'gzip', 400, 'malformed_json'],
    ['an unknown encoding', { ...asJson, 'Content-Encoding': 'lzma' }, '{}', 415, 'unsupported_media_type'],
    ['10 MB', asJson, `{"prompt": "${'a'.repeat(10_000_000)}"}`, 413, 'payload_too_large'],
    [
      '10 MB in 10 kB',
      { ...asJson, 'Content-Encoding': 'gzip' },
      gzipSync(`{"prompt": "${'a'.repeat(10_000_000)}"}`),
      413,
      'payload_too_large',
    ],
  ])('%s is refused', async (_what, headers, body, status, code) => {
    await using context = await createTestApp({ redisUrl: server.url });
    const post = request(context.app).post('/api/v1/generate').set(headers);
    // As they are: of what is called JSON, the library would make JSON.
    const response = await post.serialize((bytes) => bytes).send(body);
    expect([response.status, problemSchema.parse(response.body).code]).toEqual([status, code]);
    expect(await context.redis.keys(`${context.prefix}:task:*`)).toEqual([]);
  });

  test('a full queue says so and when to come again', async () => {
    await using context = await createTestApp({ redisUrl: server.url, maxLength: 1 });
    await submit(context, { prompt: 'one' });
    const response = await submit(context, { prompt: 'two' });
    expect([response.status, response.body.code]).toEqual([503, 'queue_full']);
    expect(Number(response.headers['retry-after'])).toBe(response.body.retry_after_seconds);
    const { text } = await request(context.app).get('/metrics');
    expect(text).toContain('musicgen_tasks_rejected_total{reason="queue_full"} 1');
    expect(text).toContain('musicgen_tasks_submitted_total{priority="NORMAL"} 1');
  });
});

describe('reading', () => {
  test.each([
    '/api/v1/tasks/none',
    `/api/v1/tasks/${randomUUID()}`,
    '/api/v1/tasks/..%2f..%2fetc',
    '/nowhere',
    '/%ff',
  ])('%s is not found, as a problem with the request id', async (path) => {
    await using context = await createTestApp({ redisUrl: server.url });
    const response = await request(context.app).get(path).set('X-Request-Id', 'mine-1');
    expect([response.status, response.type]).toEqual([404, 'application/problem+json']);
    expect(response.body).toMatchObject({ code: 'not_found', request_id: 'mine-1' });
    expect(response.headers['x-request-id']).toBe('mine-1');
  });

  test('a request id that does not fit into a log line is replaced', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const response = await request(context.app).get('/livez').set('X-Request-Id', 'a b"c');
    expect(response.headers['x-request-id']).toMatch(/^[\da-f-]{36}$/);
  });

  test('what we stored and cannot read is our fault; what a newer process added is left out', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    const key = `${context.prefix}:json:${body.id}`;
    await context.redis.set(key, JSON.stringify({ ...body.request, newer_field: 1 }));
    expect((await request(context.app).get(body.links.self)).status).toBe(200);
    await context.redis.set(key, JSON.stringify({ prompt: 7 }));
    const corrupt = await request(context.app).get(body.links.self);
    expect([corrupt.status, corrupt.body.code]).toEqual([500, 'corrupt_record']);
  });

  test('every answer of a route is counted under its one name', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    await submit(context, { prompt: 'x' });
    await submit(context, { prompt: '' });
    const { text } = await request(context.app).get('/metrics');
    for (const code of [202, 422]) {
      expect(text).toContain(`requests_total{method="POST",route="/api/v1/generate",code="${code}"} 1`);
    }
  });

  test('a method that a path does not have is answered with those it has', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const response = await request(context.app).delete('/api/v1/generate');
    expect([response.status, response.headers.allow]).toEqual([405, 'POST']);
  });
});

describe('reading again', () => {
  test('what is known already costs no body', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    const first = await request(context.app).get(body.links.self);
    const known = first.headers.etag ?? '';
    expect(known).toMatch(/^W\/".+"$/);
    expect((await request(context.app).get(body.links.self).set('If-None-Match', known)).status).toBe(304);
    await claimNext(context.consumer);
    const changed = await request(context.app).get(body.links.self).set('If-None-Match', known);
    expect([changed.status, changed.body.status]).toEqual([200, 'processing']);
  });

  test('with wait answers when the status changes', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    const isWaiting = followed(context);
    const waiting = request(context.app)
      .get(`${body.links.self}?wait=30`)
      .then((response) => response);
    await isWaiting;
    await claimNext(context.consumer);
    expect((await waiting).body.status).toBe('processing');
  });

  test('with wait and what is known answers at the first news', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    const claim = await claimNext(context.consumer);
    const { headers } = await request(context.app).get(body.links.self);
    const again = () =>
      request(context.app)
        .get(`${body.links.self}?wait=30`)
        .set('If-None-Match', headers.etag ?? '')
        .then((response) => response);
    const waiting = again();
    await context.consumer.heartbeat([{ claim, progress: { frame: 5, frames: 10 } }]);
    expect((await waiting).body.progress).toEqual({ ratio: 0.5, frame: 5, frames: 10 });
    // What is old news by now is answered at once.
    expect((await again()).status).toBe(200);
  });

  test('with wait answers at once about a finished task', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const id = await completedTask(context);
    const response = await request(context.app).get(`/api/v1/tasks/${id}?wait=60`);
    expect(response.body.status).toBe('completed');
  });

  test.each(['wait=61', 'wait=-1', 'wait=x', 'wait=1&wait=2', 'wiat=1'])('%s is refused', async (query) => {
    await using context = await createTestApp({ redisUrl: server.url });
    const response = await request(context.app).get(`/api/v1/tasks/${randomUUID()}?${query}`);
    expect([response.status, response.body.errors[0].parameter]).toEqual([422, query.split('=')[0]]);
  });
});

/** Resolves when someone follows a task. */
function followed({ lifecycle }: TestApp): Promise<void> {
  const { follow } = lifecycle;
  return new Promise((resolve) => {
    lifecycle.follow = (taskId, listener) => {
      resolve();
      return follow(taskId, listener);
    };
  });
}

describe('listing', () => {
  test('goes through all tasks in pages, the latest first', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const ids: string[] = [];
    for (const prompt of ['one', 'two', 'three', 'four', 'five'])
      ids.unshift((await submit(context, { prompt })).body.id);
    const seen: string[] = [];
    for (let path: string | undefined = '/api/v1/tasks?limit=2'; path !== undefined; ) {
      const { body, headers } = await request(context.app).get(path);
      seen.push(...body.tasks.map(({ id }: { id: string }) => id));
      const [, next] = /^<(.+)>; rel="next"$/.exec(headers.link ?? '') ?? [];
      expect(next === undefined).toBe(body.next_cursor === null);
      path = next;
    }
    expect(seen).toEqual(ids);
  });

  test('keeps to a status and a priority', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    await submit(context, { prompt: 'one', priority: 'LOW' });
    const { body } = await submit(context, { prompt: 'two', priority: 'HIGH' });
    await claimNext(context.consumer);
    const list = async (query: string) =>
      (await request(context.app).get(`/api/v1/tasks?${query}`)).body.tasks.map(
        ({ id }: { id: string }) => id,
      );
    expect(await list('status=processing')).toEqual([body.id]);
    expect(await list('status=pending&priority=high')).toEqual([]);
    expect(await list('priority=10')).toEqual([body.id]);
  });

  test.each(['limit=0', 'limit=101', 'status=done', 'priority=7', 'cursor=..%2f', 'page=2'])(
    '%s is refused',
    async (query) => {
      await using context = await createTestApp({ redisUrl: server.url });
      const response = await request(context.app).get(`/api/v1/tasks?${query}`);
      expect([response.status, response.body.code]).toEqual([422, 'invalid_request']);
    },
  );
});

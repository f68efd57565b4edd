import { randomUUID } from 'node:crypto';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { audioKey } from '@musicgen/storage';
import request from 'supertest';
import {
  audio,
  claimNext,
  completedTask,
  createTestApp,
  result,
  sha256,
  submit,
  type TestApp,
} from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

const storedTasks = ({ redis, prefix }: TestApp) => redis.keys(`${prefix}:task:*-*`);

describe('an idempotency key', () => {
  const post = ({ app }: TestApp, key: string, body: object) =>
    request(app).post('/api/v1/generate').set('Idempotency-Key', key).send(body);

  test('sent again, quoted or not, answers with the same task', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const first = await post(context, '"key-1"', { prompt: 'x' });
    const again = await post(context, 'key-1', { prompt: 'x' });
    expect([first.status, first.headers['idempotency-replayed']]).toEqual([202, undefined]);
    expect([again.status, again.headers['idempotency-replayed']]).toEqual([202, 'true']);
    expect([again.body.id, again.body.request.seed]).toEqual([first.body.id, first.body.request.seed]);
    expect(await storedTasks(context)).toHaveLength(1);
  });

  test('makes one task of many submissions at once', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => post(context, 'key-1', { prompt: 'x', n: 2 })),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(await storedTasks(context)).toHaveLength(2);
  });

  test('stands for one request only, on one path', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    await post(context, 'key-1', { prompt: 'x' });
    const other = await post(context, 'key-1', { prompt: 'y' });
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_mismatch']);
    const batch = await request(context.app)
      .post('/api/v1/batches')
      .set('Idempotency-Key', 'key-1')
      .send({ requests: [{ prompt: 'x' }] });
    expect([batch.status, batch.body.code]).toEqual([422, 'idempotency_mismatch']);
    expect(await storedTasks(context)).toHaveLength(1);
  });

  test.each(['', 'with space', 'ümlaut', '"open', 'a'.repeat(256), 'one, two'])(
    'of "%s" is refused',
    async (key) => {
      await using context = await createTestApp({ redisUrl: server.url });
      const response = await post(context, Buffer.from(key, 'utf8').toString('latin1'), { prompt: 'x' });
      expect([response.status, response.body.code]).toEqual([400, 'invalid_header']);
      expect(response.body.errors[0].parameter).toBe('idempotency-key');
      expect(await storedTasks(context)).toEqual([]);
    },
  );
});

test('a caller who prefers to wait gets the finished task', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const waiting = request(context.app)
    .post('/api/v1/generate')
    .set('Prefer', 'respond-async, wait=30')
    .send({ prompt: 'x' })
    .then((response) => response);
  const claim = await nextClaim(context);
  await context.consumer.fail(claim, { code: 'generation_failed', detail: 'NaN', retryable: false });
  const { status, body, headers } = await waiting;
  expect([status, body.status, headers['preference-applied']]).toEqual([200, 'failed', 'wait=30']);
});

test('a caller who does not want to wait any longer gets the task as it is', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const response = await request(context.app)
    .post('/api/v1/generate')
    .set('Prefer', 'wait=0')
    .send({ prompt: 'x' });
  expect([response.status, response.body.status]).toEqual([202, 'pending']);
});

async function nextClaim({ consumer }: TestApp) {
  for (;;) {
    const claim = await consumer.claim();
    if (claim !== undefined) return claim;
    await consumer.waitForTask(5000, AbortSignal.timeout(5000));
  }
}

test('a dry run says when it would be done and stores nothing', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { status, body } = await submit(context, { prompt: ' x ', priority: 1, dry_run: true });
  expect([status, body.request.prompt, body.request.priority]).toEqual([200, 'x', 'LOW']);
  // No worker lives.
  expect(body.eta).toEqual({ start_at: null, finish_at: null });
  expect(await storedTasks(context)).toEqual([]);
});

test('variations are tasks with consecutive seeds', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { status, body } = await submit(context, { prompt: 'x', seed: 7, n: 3 });
  expect([status, body.request.seed]).toEqual([202, 7]);
  expect(body.variations.map(({ seed }: { seed: number }) => seed)).toEqual([7, 8, 9]);
  for (const { id, seed, links } of body.variations) {
    const task = (await request(context.app).get(links.self)).body;
    expect([task.id, task.request.seed, task.batch_id]).toEqual([id, seed, body.batch_id]);
  }
});

test('after the last seed comes the first', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { body } = await submit(context, { prompt: 'x', seed: Number.MAX_SAFE_INTEGER, n: 2 });
  expect(body.variations.map(({ seed }: { seed: number }) => seed)).toEqual([Number.MAX_SAFE_INTEGER, 0]);
});

test('variations that do not all fit into the queue are refused together', async () => {
  await using context = await createTestApp({ redisUrl: server.url, maxLength: 2 });
  expect((await submit(context, { prompt: 'x', n: 3 })).body.code).toBe('queue_full');
  expect(await storedTasks(context)).toEqual([]);
});

describe('a batch', () => {
  const post = ({ app }: TestApp, requests: unknown) =>
    request(app)
      .post('/api/v1/batches')
      .send({ requests } as object);

  test('is admitted in order, under one id', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const prompts = Array.from({ length: 100 }, (_, index) => `piece ${index}`);
    const { status, body } = await post(
      context,
      prompts.map((prompt) => ({ prompt })),
    );
    expect(status).toBe(202);
    const tasks: { request: { prompt: string }; batch_id: string }[] = body.tasks;
    expect(tasks.map(({ request: { prompt } }) => prompt)).toEqual(prompts);
    expect(new Set(tasks.map(({ batch_id }) => batch_id))).toEqual(new Set([body.batch_id]));
  });

  test('of which one request is wrong is refused whole, and names it by its index', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { status, body } = await post(context, [{ prompt: 'x' }, { prompt: 'y', duration: 0 }, {}]);
    expect(status).toBe(422);
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '#/requests/1/duration',
      '#/requests/2/prompt',
    ]);
    expect(await storedTasks(context)).toEqual([]);
  });

  test.each([
    ['nothing', []],
    ['too many', Array.from({ length: 101 }, () => ({ prompt: 'x' }))],
  ])('of %s is refused', async (_what, requests) => {
    await using context = await createTestApp({ redisUrl: server.url });
    expect((await post(context, requests)).status).toBe(422);
  });

  test('that does not fit into the queue is refused whole, with a time to come again', async () => {
    await using context = await createTestApp({ redisUrl: server.url, maxLength: 2 });
    const response = await post(context, [{ prompt: 'x' }, { prompt: 'y' }, { prompt: 'z' }]);
    expect([response.status, response.body.code]).toEqual([503, 'queue_full']);
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
    expect(await storedTasks(context)).toEqual([]);
  });

  test('that is too long to read is refused unread', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    expect((await post(context, 'x'.repeat(1024 * 1024))).status).toBe(413);
  });

  test.each([
    ['malformed JSON', 'application/json', '{', 400],
    ['text', 'text/plain', 'x', 415],
  ])('as %s is refused', async (_what, type, body, status) => {
    await using context = await createTestApp({ redisUrl: server.url });
    const response = await request(context.app).post('/api/v1/batches').set('Content-Type', type).send(body);
    expect(response.status).toBe(status);
  });
});

describe('going on from', () => {
  const refused = (context: TestApp, continue_from: object) =>
    submit(context, { prompt: 'x', continue_from });

  test('a completed task is accepted', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const task_id = await completedTask(context);
    expect((await refused(context, { task_id })).status).toBe(202);
  });

  test('what is not there, or not finished, is refused by name', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    for (const source of [{ task_id: randomUUID() }, { task_id: body.id }, { upload_id: randomUUID() }]) {
      const response = await refused(context, source);
      expect([response.status, response.body.errors[0].pointer]).toEqual([422, '#/continue_from']);
    }
    const batch = await request(context.app)
      .post('/api/v1/batches')
      .send({ requests: [{ prompt: 'x' }, { prompt: 'x', continue_from: { task_id: randomUUID() } }] });
    expect(batch.body.errors[0].pointer).toBe('#/requests/1/continue_from');
    expect(await storedTasks(context)).toHaveLength(1);
  });
});

test('before Redis is full new tasks are refused, so that all that run complete; room is used as it comes', async () => {
  await using small = await createSmallServer();
  await using context = await createTestApp({ redisUrl: small.url, maxLength: 100_000 });
  const task = { prompt: 'x', metadata: { filler: 'y'.repeat(250) } };
  const submitFirst = () => submit(context, task).set('Idempotency-Key', 'first');
  const { body: first } = await submitFirst();
  const claim = await claimNext(context.consumer);
  const requests = Array.from({ length: 50 }, () => task);
  const fill = () => request(context.app).post('/api/v1/batches').send({ requests });
  for (const { status, body, headers } of await untilFull(fill, () => submit(context, task))) {
    expect([status, body.code]).toEqual([503, 'redis_full']);
    expect(body.detail).toMatch(/more than 95 %/);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  }
  expect((await request(context.app).get('/api/v1/queue')).body.accepting).toBe(false);
  expect((await submit(context, { ...task, dry_run: true })).status).toBe(200);
  expect((await submitFirst()).body.id).toBe(first.id);

  // There is some left, even for what a full Redis takes no more.
  await context.redis.set(`${context.prefix}:anything`, 'z'.repeat(1_000));
  const outcome = await context.consumer.complete(claim, { ...result, sha256, bytes: audio.length });
  expect(outcome).toBe('completed');
  expect((await request(context.app).get(first.links.self)).body.status).toBe('completed');

  await context.redis.config('SET', 'maxmemory', '6mb');
  expect((await submit(context, task)).status).toBe(202);
});

test('a full Redis refuses new tasks with a time to come again, running ones complete, and room is used as it comes', async () => {
  await using small = await createSmallServer();
  await using context = await createTestApp({
    redisUrl: small.url,
    // Looked at when there was plenty, so that Redis has to say it.
    memoryLastsMs: Number.POSITIVE_INFINITY,
    maxLength: 100_000,
    env: { API_DAILY_SECONDS: '1000000' },
  });
  const task = { prompt: 'x', metadata: { filler: 'y'.repeat(250) } };
  const { body: first } = await submit(context, { ...task, ttl: 60 });
  const claim = await claimNext(context.consumer);
  const requests = Array.from({ length: 100 }, () => task);
  const fill = () => request(context.app).post('/api/v1/batches').send({ requests });
  for (const { status, body, headers } of await untilFull(fill, () => submit(context, task))) {
    expect([status, body.code, headers['retry-after']]).toEqual([503, 'redis_full', '600']);
    expect(body.detail).toMatch(/memory is full/);
  }

  await context.store.put(audioKey(first.id, sha256), audio);
  const outcome = await context.consumer.complete(claim, { ...result, sha256, bytes: audio.length });
  expect(outcome).toBe('completed');
  expect((await request(context.app).get(`${first.links.self}/audio`)).status).toBe(200);

  const { body: page } = await request(context.app).get('/api/v1/tasks?limit=100');
  // Many go soon now, and so the answer is another one.
  await context.redis.config('SET', 'maxmemory', '0');
  for (const { links } of page.tasks) await request(context.app).patch(links.self).send({ ttl: 60 });
  await context.redis.config('SET', 'maxmemory', smallMemory);
  const soon = Number((await submit(context, task)).headers['retry-after']);
  expect([soon >= 10, soon <= 120]).toEqual([true, true]);
  await context.redis.config('SET', 'maxmemory', '6mb');
  expect((await submit(context, task)).status).toBe(202);
});

const smallMemory = '3mb';

/** Submits in each of these ways until it is refused: what else Redis needs memory for comes and goes. */
async function untilFull(...ways: (() => PromiseLike<request.Response>)[]): Promise<request.Response[]> {
  const refusals: request.Response[] = [];
  for (const way of ways) {
    let answer = await way();
    while (answer.status === 202) answer = await way();
    refusals.push(answer);
  }
  return refusals;
}

/** A server that some hundred tasks fill. */
async function createSmallServer() {
  const small = await startRedisServer({ settings: { maxmemory: smallMemory } });
  return { url: small.url, [Symbol.asyncDispose]: () => small.stop() };
}

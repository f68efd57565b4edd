import { createHash, randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { problemSchema, taskSchema } from '@musicgen/contract';
import { createStreamsQueue, failFastRedisOptions, type TaskConsumer } from '@musicgen/queue';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createLogger, createRegistry, redisProblem } from '@musicgen/service';
import { audioKey, createDiskStore } from '@musicgen/storage';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { Redis } from 'ioredis';
import request from 'supertest';
import { createApp } from './app.ts';
import { createApiMetrics } from './metrics.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

/** The real app on a real queue and store of its own, with a worker's side to drive tasks by hand. */
async function setup({ redisUrl = server.url, maxLength = 100 } = {}) {
  const redis = new Redis(redisUrl, failFastRedisOptions);
  redis.on('error', () => {});
  const prefix = `test-${randomUUID()}`;
  const queue = createStreamsQueue({ redis, prefix });
  if (redisUrl === server.url) {
    await new Promise((resolve) => redis.once('ready', resolve));
    await queue.prepare();
  }
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-api-'));
  const store = createDiskStore(folder);
  const lifecycle = queue.createLifecycleReader();
  const closing = new AbortController();
  const registry = createRegistry({ role: 'api', version: '0' });
  const app = createApp({
    producer: queue.createProducer({ maxLength }),
    lifecycle,
    store,
    limits: { maxDurationSeconds: 300, defaultTtlSeconds: 86_400 },
    maxAttempts: 2,
    metrics: createApiMetrics(registry),
    registry,
    logger: createLogger({ service: 'api', level: 'silent' }),
    closing: closing.signal,
    notReadyBecause: async () => [await redisProblem(redis)].filter((problem) => problem !== undefined),
  });
  const consumer = queue.createConsumer({
    workerId: 'test',
    priorities: ['CRITICAL', 'HIGH', 'NORMAL', 'LOW'],
  });
  return {
    app,
    consumer,
    store,
    redis,
    prefix,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await lifecycle.close();
      await consumer.close().catch(() => {});
      redis.disconnect();
      await rm(folder, { recursive: true });
    },
  };
}

type Context = Awaited<ReturnType<typeof setup>>;

const submit = ({ app }: Pick<Context, 'app'>, body: object) =>
  request(app).post('/api/v1/generate').send(body);

async function claimNext(consumer: TaskConsumer) {
  const claim = await consumer.claim();
  if (claim === undefined) throw new Error('there was nothing to claim');
  return claim;
}

const audio = Buffer.from('RIFF, but only for this test');
const sha256 = createHash('sha256').update(audio).digest('hex');

/** Submits a task and completes it as a worker would. */
async function completedTask(context: Context): Promise<string> {
  const { body } = await submit(context, { prompt: 'lofi', duration: 2 });
  const claim = await claimNext(context.consumer);
  await context.store.put(audioKey(body.id, sha256), audio);
  await context.consumer.complete(claim, {
    model: 'test',
    duration: 2,
    sample_rate: 32_000,
    channels: 1,
    format: 'wav',
    bytes: audio.length,
    sha256,
    peak_dbfs: -1,
    sampling: { temperature: 1, top_k: 250, top_p: 1, guidance_scale: 3 },
    warnings: [],
    timings: { generating: 1 },
  });
  return body.id;
}

describe('submitting', () => {
  test('a prompt is accepted with everything a client needs to follow it', async () => {
    await using context = await setup();
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
    await using context = await setup();
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
    await using context = await setup();
    const response = await submit(context, body);
    expect(response.status).toBe(422);
    expect(response.type).toBe('application/problem+json');
    const problem = problemSchema.parse(response.body);
    expect(problem.code).toBe('invalid_request');
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(pointers);
    // Neither a record nor an event.
    expect(await context.redis.keys(`${context.prefix}:task:*`)).toEqual([]);
  });

  test.each([
    ['malformed JSON', 'application/json', '{"prompt": ', 400, 'malformed_json'],
    ['a bare value', 'application/json', '"lofi"', 400, 'malformed_json'],
    ['another media type', 'text/plain', 'lofi', 415, 'unsupported_media_type'],
    ['no body at all', undefined, '', 415, 'unsupported_media_type'],
    ['a broken gzip', 'application/json', 'gzip', 400, 'malformed_json'],
    ['10 MB', 'application/json', `{"prompt": "${'a'.repeat(10_000_000)}"}`, 413, 'payload_too_large'],
  ])('%s is refused', async (_what, type, body, status, code) => {
    await using context = await setup();
    const post = request(context.app).post('/api/v1/generate');
    if (body === 'gzip') post.set('Content-Encoding', 'gzip');
    const response = await (type ? post.set('Content-Type', type) : post).send(body);
    expect([response.status, problemSchema.parse(response.body).code]).toEqual([status, code]);
  });

  test('a full queue says so and when to come again', async () => {
    await using context = await setup({ maxLength: 1 });
    await submit(context, { prompt: 'one' });
    const response = await submit(context, { prompt: 'two' });
    expect([response.status, response.body.code]).toEqual([503, 'queue_full']);
    expect(Number(response.headers['retry-after'])).toBe(response.body.retry_after_seconds);
    const { text } = await request(context.app).get('/metrics');
    expect(text).toContain('musicgen_tasks_rejected_total{reason="queue_full"} 1');
    expect(text).toContain('musicgen_tasks_submitted_total{priority="NORMAL"} 1');
  });
});

test('without Redis the API lives, is not ready, and refuses at once', async () => {
  await using context = await setup({ redisUrl: 'redis://127.0.0.1:1' });
  expect((await request(context.app).get('/livez')).status).toBe(200);
  const ready = await request(context.app).get('/readyz');
  expect([ready.status, ready.body.detail]).toEqual([503, 'Redis is away.']);
  const response = await submit(context, { prompt: 'x' });
  expect([response.status, response.body.code]).toEqual([503, 'dependency_unavailable']);
  expect(response.headers['retry-after']).toBeDefined();
});

describe('reading', () => {
  test.each([
    '/api/v1/tasks/none',
    `/api/v1/tasks/${randomUUID()}`,
    '/api/v1/tasks/..%2f..%2fetc',
    '/nowhere',
    '/%ff',
  ])('%s is not found, as a problem with the request id', async (path) => {
    await using context = await setup();
    const response = await request(context.app).get(path).set('X-Request-Id', 'mine-1');
    expect([response.status, response.type]).toEqual([404, 'application/problem+json']);
    expect(response.body).toMatchObject({ code: 'not_found', request_id: 'mine-1' });
    expect(response.headers['x-request-id']).toBe('mine-1');
  });

  test('a request id that does not fit into a log line is replaced', async () => {
    await using context = await setup();
    const response = await request(context.app).get('/livez').set('X-Request-Id', 'a b"c');
    expect(response.headers['x-request-id']).toMatch(/^[\da-f-]{36}$/);
  });

  test('what we stored and cannot read is our fault; what a newer process added is left out', async () => {
    await using context = await setup();
    const { body } = await submit(context, { prompt: 'x' });
    const key = `${context.prefix}:content:${body.id}`;
    await context.redis.set(key, JSON.stringify({ ...body.request, newer_field: 1 }));
    expect((await request(context.app).get(body.links.self)).status).toBe(200);
    await context.redis.set(key, JSON.stringify({ prompt: 7 }));
    const corrupt = await request(context.app).get(body.links.self);
    expect([corrupt.status, corrupt.body.code]).toEqual([500, 'corrupt_record']);
  });

  test('every answer of a route is counted under its one name', async () => {
    await using context = await setup();
    await submit(context, { prompt: 'x' });
    await submit(context, { prompt: '' });
    const { text } = await request(context.app).get('/metrics');
    for (const code of [202, 422]) {
      expect(text).toContain(`requests_total{method="POST",route="/api/v1/generate",code="${code}"} 1`);
    }
  });

  test('a method that a path does not have is answered with those it has', async () => {
    await using context = await setup();
    const response = await request(context.app).delete('/api/v1/generate');
    expect([response.status, response.headers.allow]).toEqual([405, 'POST']);
  });
});

describe('cancelling', () => {
  test('a waiting task is cancelled at once, and cancelling again changes nothing', async () => {
    await using context = await setup();
    const { body } = await submit(context, { prompt: 'x' });
    const first = await request(context.app).post(body.links.cancel);
    expect([first.status, first.body.status]).toEqual([200, 'cancelled']);
    const second = await request(context.app).post(body.links.cancel);
    expect([second.status, second.body.status]).toEqual([200, 'cancelled']);
    expect((await request(context.app).get(body.links.audio)).body.code).toBe('task_cancelled');
  });

  test('a running task is asked to stop', async () => {
    await using context = await setup();
    const { body } = await submit(context, { prompt: 'x' });
    const claim = await claimNext(context.consumer);
    expect((await request(context.app).post(body.links.cancel)).status).toBe(202);
    expect(await context.consumer.heartbeat([{ claim }])).toEqual(['cancel']);
    await context.consumer.acknowledgeCancel(claim);
    expect((await request(context.app).get(body.links.self)).body.status).toBe('cancelled');
  });

  test('a finished task cannot be cancelled, an unknown one is not found', async () => {
    await using context = await setup();
    const id = await completedTask(context);
    const finished = await request(context.app).post(`/api/v1/tasks/${id}/cancel`);
    expect([finished.status, finished.body.code]).toEqual([409, 'task_finished']);
    expect((await request(context.app).post(`/api/v1/tasks/${randomUUID()}/cancel`)).status).toBe(404);
  });
});

describe('audio', () => {
  test('is not there before the task has finished', async () => {
    await using context = await setup();
    const { body } = await submit(context, { prompt: 'x' });
    const response = await request(context.app).get(body.links.audio);
    expect([response.status, response.body.code]).toEqual([409, 'task_not_finished']);
  });

  test('comes whole, with a strong validator that saves the next download', async () => {
    await using context = await setup();
    const id = await completedTask(context);
    const path = `/api/v1/tasks/${id}/audio`;
    const whole = await request(context.app).get(path).responseType('blob');
    expect([whole.status, whole.type, whole.headers['accept-ranges']]).toEqual([200, 'audio/wav', 'bytes']);
    expect(whole.body).toEqual(audio);
    const etag = whole.headers.etag ?? '';
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    expect((await request(context.app).get(path).set('If-None-Match', etag)).status).toBe(304);
    const head = await request(context.app).head(path);
    expect(head.headers['content-length']).toBe(String(audio.length));
    const download = await request(context.app).get(`${path}?download=1`);
    expect(download.headers['content-disposition']).toBe(`attachment; filename=${id}.wav`);
  });

  test.each([
    ['bytes=0-3', 206, 'bytes 0-3/28'],
    ['bytes=-4', 206, 'bytes 24-27/28'],
    ['bytes=20-', 206, 'bytes 20-27/28'],
    ['bytes=99-', 416, 'bytes */28'],
    ['bytes=0-1,5-6', 200, undefined],
    ['nonsense', 200, undefined],
  ])('a range of %s is answered with %d', async (range, status, contentRange) => {
    await using context = await setup();
    const id = await completedTask(context);
    const response = await request(context.app)
      .get(`/api/v1/tasks/${id}/audio`)
      .set('Range', range)
      .responseType('blob');
    expect([response.status, response.headers['content-range']]).toEqual([status, contentRange]);
    if (status === 206) expect(response.body.length).toBe(Number(response.headers['content-length']));
  });

  test('a refused range carries nothing that describes the file', async () => {
    await using context = await setup();
    const id = await completedTask(context);
    const { headers } = await request(context.app)
      .get(`/api/v1/tasks/${id}/audio?download=1`)
      .set('Range', 'bytes=99-');
    for (const name of ['etag', 'cache-control', 'repr-digest', 'content-disposition'])
      expect(headers[name]).toBeUndefined();
  });

  test('HEAD knows no ranges', async () => {
    await using context = await setup();
    const id = await completedTask(context);
    const head = await request(context.app).head(`/api/v1/tasks/${id}/audio`).set('Range', 'bytes=0-3');
    expect([head.status, head.headers['content-length']]).toEqual([200, String(audio.length)]);
  });

  test('a range of an older version gets the whole', async () => {
    await using context = await setup();
    const id = await completedTask(context);
    const response = await request(context.app)
      .get(`/api/v1/tasks/${id}/audio`)
      .set({ Range: 'bytes=0-3', 'If-Range': '"older"' });
    expect(response.status).toBe(200);
  });

  test('that was removed is gone', async () => {
    await using context = await setup();
    const id = await completedTask(context);
    await context.store.remove(audioKey(id, sha256));
    const response = await request(context.app).get(`/api/v1/tasks/${id}/audio`);
    expect([response.status, response.body.code]).toEqual([410, 'gone']);
  });
});

describe('events', () => {
  test('are for GET only', async () => {
    await using context = await setup();
    const { body } = await submit(context, { prompt: 'x' });
    expect((await request(context.app).head(body.links.events)).status).toBe(405);
  });

  test('tell a task from its snapshot to its end, and resume without gap or repeat', async () => {
    await using context = await setup();
    const { body } = await submit(context, { prompt: 'x' });
    const listening = context.app.listen(0);
    const { port } = listening.address() as { port: number };
    const url = `http://127.0.0.1:${port}${body.links.events}`;
    const live = collectEvents(await fetch(url));
    await live.until('snapshot');

    const claim = await claimNext(context.consumer);
    await context.consumer.heartbeat([{ claim, stage: 'generating', progress: { frame: 5, frames: 10 } }]);
    await live.until('progress');
    await context.consumer.fail(claim, { code: 'generation_failed', detail: 'NaN', retryable: false });
    const events = await live.all();

    expect(events.map(({ event }) => event)).toEqual(['snapshot', 'status', 'progress', 'done']);
    expect(events[2]?.data).toMatchObject({
      stage: 'generating',
      progress: { ratio: 0.5, frame: 5, frames: 10 },
    });
    expect(events[3]?.data).toMatchObject({
      status: 'failed',
      error: { code: 'generation_failed', detail: 'NaN' },
    });

    const resumed = await collectEvents(
      await fetch(url, { headers: { 'Last-Event-ID': events[1]?.id ?? '' } }),
    ).all();
    expect(resumed.map(({ id, event }) => [id, event])).toEqual(
      events.slice(2).map(({ id, event }) => [id, event]),
    );
    const seenAll = await fetch(url, { headers: { 'Last-Event-ID': events[3]?.id ?? '' } });
    expect(seenAll.status).toBe(204);
    const late = await collectEvents(await fetch(url)).all();
    expect(late.map(({ event }) => event)).toEqual(['snapshot', 'done']);
    listening.close();
  });
});

test.each([
  ['older than everything the stream still holds', '1-0'],
  ['newer than the stream, whose last second was lost', '99999999999999-0'],
])('an event id %s starts over with a snapshot', async (_what, id) => {
  await using context = await setup();
  const { body } = await submit(context, { prompt: 'x' });
  await request(context.app).post(body.links.cancel);
  const response = await request(context.app).get(body.links.events).set('Last-Event-ID', id);
  expect(response.text.match(/^event:.*$/gm)).toEqual(['event:snapshot', 'event:done']);
});

/** Reads an event stream as it comes. */
function collectEvents(response: Response) {
  const events: { id: string | undefined; event: string | undefined; data: unknown }[] = [];
  const arrivals = new EventEmitter();
  const finished = (async () => {
    if (response.body === null) return;
    const stream = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const { id, event = '', data } of stream) {
      events.push({ id, event, data: JSON.parse(data) });
      arrivals.emit(event);
    }
  })();
  return {
    async until(name: string): Promise<void> {
      if (!events.some(({ event }) => event === name)) await once(arrivals, name);
    },
    async all() {
      await finished;
      return events;
    },
  };
}

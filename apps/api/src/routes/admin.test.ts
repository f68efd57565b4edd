import { exportLineSchema } from '@musicgen/contract';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import { expectLikeExample, seedHistory } from '../monitoring/test-setup.ts';
import { claimNext, createTestApp, submit, type TestApp } from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

const admin = '/api/v1/admin';
const failure = { code: 'generation_failed', detail: 'Not a number.', retryable: true } as const;

describe('queues', () => {
  test('a paused queue keeps its tasks and still admits some, until it is resumed', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const paused = await request(context.app).post(`${admin}/queues/normal/pause`);
    expect(paused.body).toEqual({ priority: 'NORMAL', paused: true, paused_priorities: ['NORMAL'] });
    expect((await submit(context, { prompt: 'lofi' })).status).toBe(202);
    expect(await context.consumer.claim()).toBeUndefined();
    const resumed = await request(context.app).post(`${admin}/queues/5/resume`);
    expect(resumed.body).toEqual({ priority: 'NORMAL', paused: false, paused_priorities: [] });
    await claimNext(context.consumer);
  });

  test('there is no other queue to pause or resume', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    for (const action of ['pause', 'resume']) {
      const { status, body } = await request(context.app).post(`${admin}/queues/all/${action}`);
      expect([status, body.code]).toEqual([400, 'unknown_priority']);
    }
  });
});

describe('workers', () => {
  test('a worker that is asked to drain hears of it, and is listed as draining', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { consumer, app } = context;
    await consumer.describe({ slots: 1 });
    const heard = new Promise<void>((resolve) => consumer.onDrainRequested(resolve));
    const { status, body } = await request(app).post(`${admin}/workers/test/drain`);
    expect([status, body]).toEqual([202, { id: 'test', state: 'draining' }]);
    await consumer.describe({ slots: 1 });
    await heard;
    const { workers } = (await request(app).get('/api/v1/monitoring/workers')).body;
    expect(workers[0].state).toBe('draining');
  });

  test('one that does not live cannot be asked', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    for (const id of ['nobody', 'a%2F..%2Fb', 'x'.repeat(200)]) {
      expect((await request(context.app).post(`${admin}/workers/${id}/drain`)).status).toBe(404);
    }
  });
});

describe('dead letters', () => {
  test('they are listed with their reason, requeued and dropped', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { deadId } = await seedHistory(context);
    const list = () => request(context.app).get(`${admin}/dead-letters`);
    await expectLikeExample('dead-letters', (await list()).body);

    const requeued = await request(context.app).post(`${admin}/dead-letters/${deadId}/requeue`);
    expect([requeued.status, requeued.body.status, requeued.body.attempt]).toEqual([200, 'pending', 0]);
    expect((await list()).body).toEqual({ total: 0, tasks: [], next_cursor: null });
    expect((await request(context.app).post(`${admin}/dead-letters/${deadId}/requeue`)).status).toBe(404);
    await context.consumer.fail(await claimNext(context.consumer), failure);
    expect((await request(context.app).delete(`${admin}/dead-letters/${deadId}`)).status).toBe(204);
    expect((await request(context.app).delete(`${admin}/dead-letters/${deadId}`)).status).toBe(404);
  });

  test('they come page by page', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const ids = await deadLetters(context, 5);
    const first = (await request(context.app).get(`${admin}/dead-letters?limit=3`)).body;
    const second = (
      await request(context.app).get(`${admin}/dead-letters?limit=3&cursor=${first.next_cursor}`)
    ).body;
    const seen = [...first.tasks, ...second.tasks].map(({ id }: { id: string }) => id);
    expect([seen.sort(), second.next_cursor, first.total]).toEqual([ids.sort(), null, 5]);
    for (const query of ['limit=101', 'cursor=x', 'page=2']) {
      expect((await request(context.app).get(`${admin}/dead-letters?${query}`)).status).toBe(422);
    }
  });

  test('one whose stored request nobody can read is listed as it stands', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const [id] = await deadLetters(context, 1);
    await context.redis.set(`${context.prefix}:json:${id}`, '{"found":["foreign","fields"]}');
    const { tasks } = (await request(context.app).get(`${admin}/dead-letters`)).body;
    expect(tasks).toMatchObject([{ id, request: { found: ['foreign', 'fields'] } }]);
  });
});

async function deadLetters(context: TestApp, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let made = 0; made < count; made++) {
    const { body } = await submit(context, { prompt: 'lofi' });
    await context.redis.hset(`${context.prefix}:task:${body.id}`, 'maxAttempts', 1);
    await context.consumer.fail(await claimNext(context.consumer), failure);
    ids.push(body.id);
  }
  return ids;
}

test('the settings in force are shown', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  expect((await request(context.app).get(`${admin}/config`)).body).toEqual({ config: { LOG_LEVEL: 'info' } });
});

describe('the export', () => {
  const linesOf = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => exportLineSchema.parse(JSON.parse(line)));
  const idsOf = (lines: ReturnType<typeof linesOf>) =>
    lines.flatMap((line) => (line.type === 'task' ? [line.task.id] : []));

  test('has a header, every task as it is stored, and an end', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    await seedHistory(context);
    const response = await request(context.app).get(`${admin}/tasks/export`);
    expect([response.status, response.type]).toEqual([200, 'application/x-ndjson']);
    const lines = linesOf(response.text);
    expect(lines[0]).toMatchObject({ type: 'header', format: 'musicgen-tasks', version: 1 });
    expect(lines.at(-1)).toEqual({ type: 'end', tasks: 8 });
    const failed = lines.find((line) => line.type === 'task' && line.task.status === 'failed');
    expect(failed).toMatchObject({
      task: {
        priority: 'CRITICAL',
        request: { prompt: 'calm lofi', duration: 10, seed: 7 },
        error: { code: 'generation_failed', detail: 'Not a number.' },
        attempt: 1,
        created_at: expect.stringMatching(/Z$/),
      },
    });
    expect(response.text).not.toMatch(/"(worker|stage|progress)"/);
  });

  test('goes on from the cursor of a page where it broke off, and misses no task', async () => {
    await using context = await createTestApp({ redisUrl: server.url, maxLength: 1000 });
    const producer = context.queue.createProducer();
    const ids = Array.from({ length: 400 }, (_, index) => `task-${index}`);
    for (const id of ids) {
      await producer.enqueue({ id, priority: 'LOW', request: {}, ttlSeconds: 600, maxAttempts: 1 });
    }
    const whole = linesOf((await request(context.app).get(`${admin}/tasks/export`)).text);
    const breaks = whole.findIndex((line) => line.type === 'cursor');
    const cut = whole[breaks];
    const cursor = cut?.type === 'cursor' ? cut.cursor : '';
    const rest = linesOf((await request(context.app).get(`${admin}/tasks/export?cursor=${cursor}`)).text);
    const seen = new Set([...idsOf(whole.slice(0, breaks)), ...idsOf(rest)]);
    expect([...seen].sort()).toEqual(ids.sort());
    expect(idsOf(rest).length).toBeLessThan(400);
    expect((await request(context.app).get(`${admin}/tasks/export?cursor=x`)).status).toBe(422);
  });
});

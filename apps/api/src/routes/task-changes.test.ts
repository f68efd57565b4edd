import { randomUUID } from 'node:crypto';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { audioKey } from '@musicgen/storage';
import request from 'supertest';
import { claimNext, completedTask, createTestApp, sha256, submit, type TestApp } from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

describe('changing', () => {
  const change = ({ app }: TestApp, id: string, body: object) =>
    request(app).patch(`/api/v1/tasks/${id}`).send(body);

  test('a waiting task moves to another queue and gets another time to live', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    const { status, body: task } = await change(context, body.id, { priority: 'critical', ttl: 60 });
    expect([status, task.priority]).toEqual([200, 'CRITICAL']);
    expect(Date.parse(task.expires_at) - Date.parse(task.created_at)).toBe(60_000);
  });

  test('a task that is being worked on stays as it is', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    await claimNext(context.consumer);
    const response = await change(context, body.id, { priority: 'LOW' });
    expect([response.status, response.body.code]).toEqual([409, 'task_not_pending']);
  });

  test.each([{}, { priority: 'urgent' }, { ttl: 5 }, { status: 'completed' }])(
    '%j is refused',
    async (body) => {
      await using context = await createTestApp({ redisUrl: server.url });
      const task = (await submit(context, { prompt: 'x' })).body;
      expect((await change(context, task.id, body)).status).toBe(422);
    },
  );

  test.each([
    ['application/json', '{"priority": "LOW", "priority": "HIGH"}', 400],
    ['application/json', `{"priority": "${' '.repeat(70_000)}"}`, 413],
    ['text/plain', 'LOW', 415],
  ])('as %s %.20s… is refused', async (type, body, status) => {
    await using context = await createTestApp({ redisUrl: server.url });
    const response = await request(context.app)
      .patch(`/api/v1/tasks/${randomUUID()}`)
      .set('Content-Type', type)
      .send(body);
    expect(response.status).toBe(status);
  });
});

describe('retrying', () => {
  test('makes a new task of the same request', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const id = await completedTask(context);
    const { status, body, headers } = await request(context.app).post(`/api/v1/tasks/${id}/retry`);
    expect([status, headers.location]).toEqual([202, `/api/v1/tasks/${body.id}`]);
    const old = (await request(context.app).get(`/api/v1/tasks/${id}`)).body;
    expect(body.id).not.toBe(id);
    expect(body.request).toEqual(old.request);
  });

  test('waits until the task has finished', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    const response = await request(context.app).post(`${body.links.self}/retry`);
    expect([response.status, response.body.code]).toEqual([409, 'task_not_finished']);
  });

  test('of a task that went on from one that is gone is refused', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const task_id = await completedTask(context);
    const { body } = await submit(context, { prompt: 'x', continue_from: { task_id } });
    await request(context.app).post(body.links.cancel);
    await request(context.app).delete(`/api/v1/tasks/${task_id}`);
    expect((await request(context.app).post(`${body.links.self}/retry`)).status).toBe(422);
  });
});

describe('deleting', () => {
  test('removes task and audio, and whoever asks later learns that they were there', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const id = await completedTask(context);
    expect((await request(context.app).delete(`/api/v1/tasks/${id}`)).status).toBe(204);
    expect(await context.store.open(audioKey(id, sha256))).toBeUndefined();
    const self = `/api/v1/tasks/${id}`;
    const later = [
      request(context.app).get(self),
      request(context.app).get(`${self}/audio`),
      request(context.app).get(`${self}/events`),
      request(context.app).delete(self),
      request(context.app).patch(self).send({ priority: 'LOW' }),
      request(context.app).post(`${self}/cancel`),
      request(context.app).post(`${self}/retry`),
    ];
    for (const response of await Promise.all(later))
      expect([response.status, response.body.code]).toEqual([410, 'gone']);
  });

  test('stops a running task', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    const claim = await claimNext(context.consumer);
    await request(context.app).delete(body.links.self);
    expect(await context.consumer.heartbeat([{ claim }])).toEqual(['lost']);
  });
});

describe('cancelling', () => {
  test('a waiting task is cancelled at once, and cancelling again changes nothing', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    const first = await request(context.app).post(body.links.cancel);
    expect([first.status, first.body.status]).toEqual([200, 'cancelled']);
    const second = await request(context.app).post(body.links.cancel);
    expect([second.status, second.body.status]).toEqual([200, 'cancelled']);
    expect((await request(context.app).get(body.links.audio)).body.code).toBe('task_cancelled');
  });

  test('a running task is asked to stop', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    const claim = await claimNext(context.consumer);
    expect((await request(context.app).post(body.links.cancel)).status).toBe(202);
    expect(await context.consumer.heartbeat([{ claim }])).toEqual(['cancel']);
    await context.consumer.acknowledgeCancel(claim);
    expect((await request(context.app).get(body.links.self)).body.status).toBe('cancelled');
  });

  test('a finished task cannot be cancelled, an unknown one is not found', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const id = await completedTask(context);
    const finished = await request(context.app).post(`/api/v1/tasks/${id}/cancel`);
    expect([finished.status, finished.body.code]).toEqual([409, 'task_finished']);
    expect((await request(context.app).post(`/api/v1/tasks/${randomUUID()}/cancel`)).status).toBe(404);
  });
});

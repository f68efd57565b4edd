import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import { workerDescription } from './monitoring/test-setup.ts';
import { createTestApp, submit, type TestApp } from './test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

/** A live worker with models of those ids. */
async function addWorker({ queue }: TestApp, workerId: string, ids: string[]) {
  const worker = queue.createConsumer({ workerId, priorities: ['NORMAL'] });
  const [model] = workerDescription.models;
  await worker.describe({ ...workerDescription, models: ids.map((id) => ({ ...model, id })) });
}

test('a request may name a model that every live worker has, and no other', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  await addWorker(context, 'a', ['small', 'large', 'only-here']);
  await addWorker(context, 'b', ['small', 'large']);
  expect((await submit(context, { prompt: 'x', model: 'large' })).body.request.model).toBe('large');
  const refused = await submit(context, { prompt: 'x', model: 'only-here' });
  expect(refused.status).toBe(422);
  expect(refused.body.errors).toEqual([{ pointer: '#/model', detail: 'must be one of small, large' }]);
});

test('in a batch every request with a model that is not there is named', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  await addWorker(context, 'a', ['small']);
  const requests = [{ prompt: 'x', model: 'small' }, { prompt: 'x' }, { prompt: 'x', model: 'large' }];
  const { status, body } = await request(context.app).post('/api/v1/batches').send({ requests });
  expect(status).toBe(422);
  expect(body.errors).toEqual([{ pointer: '#/requests/2/model', detail: 'must be one of small' }]);
});

test('while no worker lives a model is taken at its word', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  expect((await submit(context, { prompt: 'x', model: 'large' })).status).toBe(202);
});

import type { RedisServer } from '@musicgen/redis-server';
import { claimOne, createTestQueue, newTask, startTestServer, type TestQueue } from './test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

let open: TestQueue[] = [];
afterEach(async () => {
  await Promise.all(open.map((test) => test.close()));
  open = [];
});

async function setup(): Promise<TestQueue> {
  const test = await createTestQueue(server.url);
  open.push(test);
  return test;
}

test('a task goes from its submission to its result', async () => {
  const { producer, consumer } = await setup();
  const task = newTask({ priority: 'HIGH', requestId: 'request-1' });

  const admitted = await producer.enqueue(task);
  expect(admitted).toEqual(await producer.get(task.id));
  expect(admitted).toMatchObject({ status: 'pending', attempt: 0, request: task.request });

  const claim = await claimOne(consumer);
  expect(claim.task).toMatchObject({ id: task.id, status: 'processing', attempt: 1, requestId: 'request-1' });

  const progress = { frame: 10, frames: 500 };
  expect(await consumer.heartbeat([{ claim, stage: 'generating', progress }])).toEqual(['ok']);
  expect(await producer.get(task.id)).toMatchObject({ stage: 'generating', progress });

  expect(await consumer.complete(claim, { duration: 10 })).toBe('completed');
  const finished = await producer.get(task.id);
  expect(finished).toMatchObject({ status: 'completed', result: { duration: 10 } });
  expect(finished?.stage).toBeUndefined();
  expect(await consumer.claim()).toBeUndefined();
});

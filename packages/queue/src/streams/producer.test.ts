import { Redis } from 'ioredis';
import { failFastRedisOptions } from './redis-client.ts';
import { createStreamsQueue } from './streams-queue.ts';
import { newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('while Redis is away a call fails at once instead of waiting', async () => {
  const redis = new Redis(1, '127.0.0.1', failFastRedisOptions);
  redis.on('error', () => {});
  const producer = createStreamsQueue({ redis }).createProducer();
  await expect(producer.enqueue(newTask())).rejects.toMatchObject({ code: 'dependency_unavailable' });
  await expect(producer.get('any')).rejects.toMatchObject({ code: 'dependency_unavailable' });
  redis.disconnect();
});

test('a Redis that accepts the command and never answers fails the call in time', async () => {
  const { queue, redis } = await setup();
  const blocked = redis.blpop('nobody-rings-this', 0);
  const producer = queue.createProducer({ timeoutMs: 50 });
  await expect(producer.enqueue(newTask())).rejects.toMatchObject({ code: 'dependency_unavailable' });
  redis.disconnect();
  await expect(blocked).rejects.toThrow();
});

test('a waiting task comes with its place, as it is admitted, sent again and read', async () => {
  const { producer, enqueue, consumer } = await setup();
  await enqueue();
  const task = newTask();
  const second = { position: 2, ahead: 1 };
  expect((await producer.enqueue(task)).place).toEqual(second);
  expect((await producer.enqueue(task)).place).toEqual(second);
  expect((await producer.get(task.id))?.place).toEqual(second);
  await consumer.claim();
  expect((await producer.get(task.id))?.place).toEqual({ position: 1, ahead: 0 });
  await consumer.claim();
  expect((await producer.get(task.id))?.place).toBeUndefined();
});

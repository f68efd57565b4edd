import type { LifecycleEvent } from '../lifecycle.ts';
import { claimOne, newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('a follower hears everything that happens to its task, in order, and nothing of others', async () => {
  const { queue, producer, consumer, enqueue } = await setup();
  const reader = queue.createLifecycleReader();
  await reader.latestId();
  const task = newTask({ priority: 'HIGH' });
  const heard: LifecycleEvent[] = [];
  const finished = new Promise<void>((resolve) =>
    reader.follow(task.id, (event) => {
      heard.push(event);
      if (event.type === 'completed') resolve();
    }),
  );

  await enqueue();
  await producer.enqueue(task);
  const claim = await claimOne(consumer);
  await consumer.heartbeat([{ claim, stage: 'generating', progress: { frame: 1, frames: 2 } }]);
  await consumer.complete(claim, {});
  await finished;

  expect(heard.map(({ type }) => type)).toEqual(['created', 'claimed', 'progress', 'completed']);
  expect(heard[2]).toMatchObject({
    taskId: task.id,
    task: {
      status: 'processing',
      priority: 'HIGH',
      attempt: 1,
      stage: 'generating',
      progress: { frame: 1, frames: 2 },
    },
  });
  await reader.close();
});

test('what happened after an event can be read later, on any process', async () => {
  const { queue, consumer, enqueue } = await setup();
  const reader = queue.createLifecycleReader();
  const id = await enqueue();
  const after = await reader.latestId();
  await enqueue();
  const failure = { code: 'storage_failed', detail: 'The disk is full', retryable: true } as const;
  await consumer.fail(await claimOne(consumer), failure);

  const events = (await reader.since(id, after)) ?? [];
  expect(events.map(({ type }) => type)).toEqual(['claimed', 'retrying']);
  expect(events[1]?.task).toMatchObject({
    status: 'pending',
    error: { code: 'storage_failed', detail: 'The disk is full' },
    retryAt: expect.any(Number),
  });
  expect(await reader.since(id, events[1]?.id ?? '')).toEqual([]);
  await reader.close();
});

test('one that stops following hears nothing more, and others still do', async () => {
  const { queue, producer } = await setup();
  const reader = queue.createLifecycleReader();
  await reader.latestId();
  const task = newTask();
  const heard: string[] = [];
  const stop = reader.follow(task.id, () => heard.push('left'));
  const stayed = new Promise((resolve) => reader.follow(task.id, resolve));
  stop();
  await producer.enqueue(task);
  await stayed;
  expect(heard).toEqual([]);
  await reader.close();
});

test('events that others wrote into the stream are passed over', async () => {
  const { queue, redis, keys, enqueue } = await setup();
  const reader = queue.createLifecycleReader();
  await redis.xadd(keys.lifecycle, '*', 'id', 'someone', 'rubbish', 'yes');
  expect(await reader.since('someone', '0-0')).toEqual([]);
  const id = await enqueue();
  expect(await reader.since(id, '0-0')).toHaveLength(1);
  await reader.close();
});

test('the stream of events is capped', async () => {
  const { redis, keys, enqueue } = await setup({ lifecycleLength: 100 });
  for (let count = 0; count < 400; count++) await enqueue();
  expect(await redis.xlen(keys.lifecycle)).toBeLessThanOrEqual(200);
});

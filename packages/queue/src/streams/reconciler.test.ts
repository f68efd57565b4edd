import type { Repair } from '../queue-events.ts';
import { claimOne, type StreamsTestQueue, useTestServer } from './test-setup.ts';

const setup = useTestServer();

async function reconcile({ queue }: StreamsTestQueue): Promise<[string, Repair][]> {
  const repairs: [string, Repair][] = [];
  queue.events.on('task:repaired', ({ taskId, repair }) => repairs.push([taskId, repair]));
  await queue.createReconciler().reconcile();
  return repairs;
}

test('a healthy queue is left alone', async () => {
  const queue = await setup();
  const { enqueue, consumer, producer } = queue;
  for (let count = 0; count < 6; count++) await enqueue();
  await consumer.complete(await claimOne(consumer), {});
  await consumer.fail(await claimOne(consumer), { code: 'engine_crashed', detail: 'gone', retryable: true });
  await consumer.handBack(await claimOne(consumer));
  await claimOne(consumer);
  await producer.cancel(await enqueue());
  expect(await reconcile(queue)).toEqual([]);
});

test('a pending task whose entry was lost can be claimed again, once', async () => {
  const queue = await setup();
  const { enqueue, consumer, redis, keys } = queue;
  const id = await enqueue();
  await redis.del(keys.stream('NORMAL'));
  expect(await reconcile(queue)).toEqual([[id, 'requeued']]);
  expect((await claimOne(consumer)).task.id).toBe(id);
  expect(await consumer.claim()).toBeUndefined();
});

test('a pending task that a deleted consumer took with it can be claimed again', async () => {
  const queue = await setup();
  const { enqueue, consumer, redis, keys } = queue;
  const id = await enqueue();
  await consumer.handBack(await claimOne(consumer));
  await redis.xgroup('DELCONSUMER', keys.stream('NORMAL'), 'workers', 'returned');
  expect(await consumer.claim()).toBeUndefined();
  expect(await reconcile(queue)).toEqual([[id, 'requeued']]);
  expect((await claimOne(consumer)).task.id).toBe(id);
});

test('a task that waits for a retry nobody remembers is claimable at once', async () => {
  const queue = await setup();
  const { enqueue, consumer, redis, keys } = queue;
  const id = await enqueue();
  await consumer.fail(await claimOne(consumer), { code: 'engine_crashed', detail: 'gone', retryable: true });
  await redis.del(keys.delayed);
  expect(await reconcile(queue)).toEqual([[id, 'requeued']]);
  expect((await claimOne(consumer)).task).toMatchObject({ id, attempt: 2 });
});

test('a running task that no lease protects gets one, which its worker renews or loses', async () => {
  const queue = await setup();
  const { enqueue, consumer, redis, keys } = queue;
  const id = await enqueue();
  const claim = await claimOne(consumer);
  await redis.del(keys.stream('NORMAL'));
  expect(await reconcile(queue)).toEqual([[id, 'leased']]);
  expect(await consumer.heartbeat([{ claim }])).toEqual(['ok']);

  expect(await consumer.claim()).toBeUndefined();
  expect(await consumer.heartbeat([{ claim }])).toEqual(['ok']);
  await queue.queue.createRecoverer({ leaseMs: 0 }).recover();
  expect((await claimOne(consumer)).task).toMatchObject({ id, stalls: 1 });
});

test('lost index entries are made again', async () => {
  const queue = await setup();
  const { enqueue, consumer, producer, redis, keys } = queue;
  const finished = await enqueue();
  await consumer.complete(await claimOne(consumer), {});
  const running = await enqueue();
  await claimOne(consumer);
  const waiting = await enqueue();
  await redis.del(keys.waiting('NORMAL'), keys.processing, keys.owned(''));

  const repairs = await reconcile(queue);
  expect(repairs.map(([, repair]) => repair)).toEqual(['indexed', 'indexed', 'indexed']);
  expect(repairs.map(([id]) => id).sort()).toEqual([finished, running, waiting].sort());
  expect(await producer.place(waiting)).toEqual({ position: 1, ahead: 0 });
});

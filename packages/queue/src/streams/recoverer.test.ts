import { claimOne, newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('what is heartbeated stays, and a claim whose reply was lost lapses although its worker lives', async () => {
  const { enqueue, createConsumer, queue, redis, keys } = await setup();
  const consumer = createConsumer({ workerId: 'alive', renewEveryMs: 0 });
  const ids = [await enqueue(), await enqueue()];
  const [held] = [await claimOne(consumer), await claimOne(consumer)];
  const pending = (await redis.xpending(keys.stream('NORMAL'), 'workers', '-', '+', 10)) as string[][];
  const entries = pending.map(([entry]) => entry ?? '');
  await redis.xclaim(keys.stream('NORMAL'), 'workers', 'alive', 0, ...entries, 'IDLE', '60000', 'JUSTID');

  await consumer.heartbeat([{ claim: held }]);
  expect(await queue.createRecoverer({ leaseMs: 30_000 }).recover()).toBe(1);
  expect(await redis.hget(keys.task(ids[0] ?? ''), 'status')).toBe('processing');
  expect(await redis.hget(keys.task(ids[1] ?? ''), 'status')).toBe('pending');
});

test('a lapsed lease behind a thousand fresh ones is found, although the first pages are empty', async () => {
  const { producer, createConsumer, queue, redis, keys } = await setup();
  const stream = keys.stream('NORMAL');
  const consumer = createConsumer({ workerId: 'busy' });
  for (let batch = 0; batch < 12; batch++) {
    await producer.enqueueBatch(Array.from({ length: 100 }, () => newTask()));
  }
  const claims = await Promise.all(Array.from({ length: 1_200 }, () => claimOne(consumer)));
  const last = (await redis.xrevrange(stream, '+', '-', 'COUNT', 1))[0];
  await redis.xclaim(stream, 'workers', 'busy', 0, last?.[0] ?? '', 'IDLE', '60000', 'JUSTID');

  expect(claims).toHaveLength(1_200);
  expect(await queue.createRecoverer({ leaseMs: 30_000 }).recover()).toBe(1);
  expect(await producer.get(last?.[1][1] ?? '')).toMatchObject({ status: 'pending', stalls: 1 });
});

test('a pending entry that was deleted from the stream is forgotten by the group', async () => {
  const { enqueue, consumer, queue, redis, keys } = await setup();
  await enqueue();
  await claimOne(consumer);
  const stream = keys.stream('NORMAL');
  const [entry] = await redis.xrange(stream, '-', '+');
  await redis.xdel(stream, entry?.[0] ?? '');
  expect((await redis.xpending(stream, 'workers'))[0]).toBe(1);
  await queue.createRecoverer({ leaseMs: 0 }).recover();
  expect((await redis.xpending(stream, 'workers'))[0]).toBe(0);
});

test('a heartbeat renews the lease only when it is time, and says what it has to say all the same', async () => {
  const { enqueue, createConsumer, redis, keys, producer } = await setup();
  const id = await enqueue();
  const lapse = async (worker: string) => {
    const [[entry]] = (await redis.xpending(keys.stream('NORMAL'), 'workers', '-', '+', 1)) as [[string]];
    await redis.xclaim(keys.stream('NORMAL'), 'workers', worker, 0, entry, 'IDLE', '60000', 'JUSTID');
  };
  const idleMs = async () =>
    (
      (await redis.xpending(keys.stream('NORMAL'), 'workers', '-', '+', 1)) as [[string, string, number]]
    )[0][2];

  const patient = createConsumer({ workerId: 'patient', renewEveryMs: 60_000 });
  const claim = await claimOne(patient);
  await lapse('patient');
  expect(await patient.heartbeat([{ claim, progress: { frame: 1, frames: 2 } }])).toEqual(['ok']);
  expect((await producer.get(id))?.progress).toEqual({ frame: 1, frames: 2 });
  expect(await idleMs()).toBeGreaterThanOrEqual(60_000);

  const eager = createConsumer({ workerId: 'patient', renewEveryMs: 0 });
  expect(await eager.heartbeat([{ claim }])).toEqual(['ok']);
  expect(await idleMs()).toBeLessThan(60_000);
});

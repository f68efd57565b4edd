import { claimOne, newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('an owner at the limit of unfinished tasks is refused, others are not, and a finished task makes room', async () => {
  const { producer, consumer, enqueue } = await setup();
  const mine = { owner: 'key-1', ownerLimit: 2 };
  await enqueue(mine);
  await enqueue(mine);
  const claim = await claimOne(consumer);

  const refused = newTask(mine);
  await expect(producer.enqueue(refused)).rejects.toMatchObject({
    code: 'concurrency_limit',
    message: '2 of your tasks are unfinished, and 2 may be at once',
  });
  expect(await producer.get(refused.id)).toBeUndefined();
  await enqueue({ owner: 'key-2', ownerLimit: 2 });

  await consumer.complete(claim, {});
  await enqueue(mine);
});

test('a batch over the limit of its owner is refused as a whole', async () => {
  const { producer, enqueue } = await setup();
  const mine = { owner: 'key-1', ownerLimit: 3 };
  await enqueue(mine);
  const batch = [newTask(mine), newTask(mine), newTask(mine)];
  await expect(producer.enqueueBatch(batch)).rejects.toMatchObject({ code: 'concurrency_limit' });
  expect((await producer.list({ owner: 'key-1', limit: 10 })).tasks).toHaveLength(1);
  expect(await producer.enqueueBatch(batch.slice(1))).toHaveLength(2);
});

test('a task that is sent again is no further one, even at the limit', async () => {
  const { producer } = await setup();
  const task = newTask({ owner: 'key-1', ownerLimit: 1 });
  await producer.enqueue(task);
  expect(await producer.enqueue(task)).toMatchObject({ id: task.id });
});

test('clients racing for the last place get it once', async () => {
  const { producer } = await setup();
  const attempts = Array.from({ length: 10 }, () =>
    producer.enqueue(newTask({ owner: 'key-1', ownerLimit: 4 })),
  );
  const outcomes = await Promise.allSettled(attempts);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
});

test('the same idempotency key of two owners stands for two tasks', async () => {
  const { producer } = await setup();
  const idempotency = { key: 'order-1', requestHash: 'hash' };
  const first = await producer.enqueue(newTask({ owner: 'key-1', idempotency }));
  const second = await producer.enqueue(newTask({ owner: 'key-2', idempotency }));
  const again = await producer.enqueue(newTask({ owner: 'key-1', idempotency }));
  expect(second.id).not.toBe(first.id);
  expect(again.id).toBe(first.id);
});

test('owner and place in a batch are kept in the record', async () => {
  const { producer, consumer } = await setup();
  const told = { owner: 'key-1', batchId: 'batch-1', batchIndex: 0 };
  const { id } = await producer.enqueue(newTask(told));
  expect(await producer.get(id)).toMatchObject(told);
  expect((await claimOne(consumer)).task).toMatchObject(told);
});

test('a batch of several owners, or an owner that cannot be, is a mistake of the caller', async () => {
  const { producer } = await setup();
  await expect(producer.enqueueBatch([newTask({ owner: 'a' }), newTask()])).rejects.toThrow(RangeError);
  await expect(producer.enqueue(newTask({ owner: 'a:b' }))).rejects.toThrow(RangeError);
});

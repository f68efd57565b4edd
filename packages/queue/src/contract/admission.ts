import { claimOne, newTask, type SetupQueue, tasksOf } from './test-setup.ts';

/** How tasks are admitted, changed and cancelled while they wait. */
export function describeAdmission(setup: SetupQueue): void {
  test('the same task sent twice, because a reply was lost, makes one task', async () => {
    const { queue, producer } = await setup();
    const task = newTask();
    const [first, second] = await Promise.all([producer.enqueue(task), producer.enqueue(task)]);
    expect(second).toEqual(first);
    expect(await queue.createMonitor().waiting('NORMAL', 10)).toHaveLength(1);
  });

  test('a task that is sent again after it was claimed comes back as it stands', async () => {
    const { producer, consumer } = await setup();
    const task = newTask();
    await producer.enqueue(task);
    await claimOne(consumer);
    expect(await producer.enqueue(task)).toMatchObject({ status: 'processing', attempt: 1 });
  });

  test('beyond the backlog limit a task is refused and nothing is stored', async () => {
    const { queue } = await setup();
    const producer = queue.createProducer({ maxLength: 2 });
    await producer.enqueue(newTask({ priority: 'LOW' }));
    await producer.enqueue(newTask({ priority: 'CRITICAL' }));

    const refused = newTask();
    await expect(producer.enqueue(refused)).rejects.toMatchObject({ code: 'queue_full' });
    expect(await producer.get(refused.id)).toBeUndefined();
    expect(await tasksOf(queue)).toBe(2);
  });

  test('tasks that wait for a retry count towards the backlog limit', async () => {
    const { queue, consumer, enqueue } = await setup();
    await enqueue();
    await consumer.fail(await claimOne(consumer), {
      code: 'engine_crashed',
      detail: 'gone',
      retryable: true,
    });
    await expect(queue.createProducer({ maxLength: 1 }).enqueue(newTask())).rejects.toMatchObject({
      code: 'queue_full',
    });
  });

  test('a waiting task knows its place, and how many go before it in better queues', async () => {
    const { producer, consumer, enqueue } = await setup();
    const first = await enqueue();
    const second = await enqueue();
    await enqueue({ priority: 'CRITICAL' });
    await enqueue({ priority: 'LOW' });

    expect(await producer.place(first)).toEqual({ position: 1, ahead: 1 });
    expect(await producer.place(second)).toEqual({ position: 2, ahead: 2 });
    await claimOne(consumer);
    await claimOne(consumer);
    expect(await producer.place(first)).toBeUndefined();
    expect(await producer.place(second)).toEqual({ position: 1, ahead: 0 });
    expect(await producer.place('nobody')).toBeUndefined();
  });

  test('cancelling a waiting task ends it at once and its place closes up', async () => {
    const { queue, producer, consumer, enqueue } = await setup();
    const cancelled = await enqueue();
    const next = await enqueue();

    expect(await producer.cancel(cancelled)).toBe('cancelled');
    expect(await producer.get(cancelled)).toMatchObject({ status: 'cancelled' });
    expect(await producer.place(next)).toEqual({ position: 1, ahead: 0 });
    expect(await queue.createMonitor().waiting('NORMAL', 10)).toHaveLength(1);
    expect((await claimOne(consumer)).task.id).toBe(next);
    expect(await consumer.claim()).toBeUndefined();
  });

  test('cancelling a task that waits for its retry ends it at once', async () => {
    const { queue, producer, consumer, enqueue } = await setup();
    const id = await enqueue();
    await consumer.fail(await claimOne(consumer), {
      code: 'engine_crashed',
      detail: 'gone',
      retryable: true,
    });
    expect(await producer.cancel(id)).toBe('cancelled');
    await queue.createPromoter().promote();
    expect(await consumer.claim()).toBeUndefined();
  });

  test('cancelling says what it found: nothing, something running, something finished', async () => {
    const { producer, consumer, enqueue } = await setup();
    expect(await producer.cancel('nobody')).toBe('unknown');
    const id = await enqueue();
    const claim = await claimOne(consumer);
    expect(await producer.cancel(id)).toBe('stopping');
    expect(await producer.cancel(id)).toBe('stopping');
    expect(await producer.get(id)).toMatchObject({ status: 'processing', cancelRequested: true });
    await consumer.acknowledgeCancel(claim);
    expect(await producer.cancel(id)).toBe('finished');
  });

  test('a batch is admitted as a whole, in the order given', async () => {
    const { producer, consumer } = await setup();
    const tasks = [newTask(), newTask(), newTask()];
    const records = await producer.enqueueBatch(tasks);
    expect(records.map(({ id }) => id)).toEqual(tasks.map(({ id }) => id));
    for (const { id } of tasks) expect((await claimOne(consumer)).task.id).toBe(id);
  });

  test('a batch that does not fit into the backlog is refused as a whole', async () => {
    const { queue } = await setup();
    const producer = queue.createProducer({ maxLength: 2 });
    const tasks = [newTask(), newTask(), newTask()];
    await expect(producer.enqueueBatch(tasks)).rejects.toMatchObject({ code: 'queue_full' });
    expect(await tasksOf(queue)).toBe(0);
    await producer.enqueueBatch(tasks.slice(0, 2));
    expect(await tasksOf(queue)).toBe(2);
  });

  test('a batch that is sent again makes no second tasks, even when the queue is full by then', async () => {
    const { queue } = await setup();
    const producer = queue.createProducer({ maxLength: 2 });
    const tasks = [newTask(), newTask()];
    const first = await producer.enqueueBatch(tasks);
    expect(await producer.enqueueBatch(tasks)).toEqual(first);
    expect(await queue.createMonitor().waiting('NORMAL', 10)).toHaveLength(2);
  });

  test('what was admitted before is told without anything being admitted', async () => {
    const { queue, producer } = await setup();
    const idempotency = { key: 'once', requestHash: 'same' };
    const first = await producer.enqueue(newTask({ idempotency }));
    expect(await producer.known([newTask({ idempotency })])).toEqual([first]);
    expect(await producer.known([newTask({ idempotency }), newTask()])).toBeUndefined();
    const another = newTask({ idempotency: { key: 'once', requestHash: 'other' } });
    await expect(producer.known([another])).rejects.toMatchObject({ code: 'idempotency_mismatch' });
    expect(await tasksOf(queue)).toBe(1);
  });

  test('a batch of more than a hundred, or with an id twice, is a mistake', async () => {
    const { producer } = await setup();
    const task = newTask();
    await expect(producer.enqueueBatch([task, task])).rejects.toThrow(RangeError);
    await expect(producer.enqueueBatch(Array.from({ length: 101 }, () => newTask()))).rejects.toThrow(
      RangeError,
    );
  });

  test('the same idempotency key means the same task, whatever its id', async () => {
    const { queue, producer, consumer } = await setup();
    const idempotency = { key: 'order 7 {x}', requestHash: 'sha256-abc' };
    const first = await producer.enqueue(newTask({ idempotency }));
    await claimOne(consumer);
    expect(await producer.enqueue(newTask({ idempotency }))).toMatchObject({
      id: first.id,
      status: 'processing',
    });
    expect(await tasksOf(queue)).toBe(1);
  });

  test('the same idempotency key with another request is refused, and the whole batch with it', async () => {
    const { queue, producer } = await setup();
    await producer.enqueue(newTask({ idempotency: { key: 'k', requestHash: 'one' } }));
    const other = newTask({ idempotency: { key: 'k', requestHash: 'two' } });
    await expect(producer.enqueueBatch([newTask(), other])).rejects.toMatchObject({
      code: 'idempotency_mismatch',
    });
    expect(await tasksOf(queue)).toBe(1);
  });

  test('an idempotency key is free again once its task is removed', async () => {
    const { queue, producer, consumer, endTime } = await setup();
    const idempotency = { key: 'k', requestHash: 'one' };
    const first = await producer.enqueue(newTask({ idempotency }));
    await consumer.complete(await claimOne(consumer), {});
    await endTime(first.id);
    await queue.createJanitor().clean();
    expect((await producer.enqueue(newTask({ idempotency }))).id).not.toBe(first.id);
  });

  test('a waiting task can change its priority and goes to the end of that queue', async () => {
    const { producer, consumer, enqueue } = await setup();
    const high = await enqueue({ priority: 'HIGH' });
    const promoted = await enqueue({ priority: 'LOW' });
    expect(await producer.update(promoted, { priority: 'HIGH' })).toBe('updated');
    expect(await producer.get(promoted)).toMatchObject({ priority: 'HIGH' });
    expect(await producer.place(promoted)).toEqual({ position: 2, ahead: 1 });
    expect((await claimOne(consumer)).task.id).toBe(high);
    expect((await claimOne(consumer)).task.id).toBe(promoted);
    expect(await consumer.claim()).toBeUndefined();
  });

  test('a task that waits for its retry takes a new priority along', async () => {
    const { queue, producer, createConsumer, enqueue } = await setup();
    const consumer = createConsumer({ retry: { baseMs: 0, capMs: 0 } });
    const id = await enqueue({ priority: 'LOW' });
    await consumer.fail(await claimOne(consumer), {
      code: 'engine_crashed',
      detail: 'gone',
      retryable: true,
    });
    expect(await producer.update(id, { priority: 'CRITICAL' })).toBe('updated');
    await queue.createPromoter().promote();
    expect(await producer.place(id)).toEqual({ position: 1, ahead: 0 });
    expect((await claimOne(createConsumer({ priorities: ['CRITICAL'] }))).task.id).toBe(id);
  });

  test('a waiting task can change its time to live, counted from its submission', async () => {
    const { producer, enqueue } = await setup();
    const id = await enqueue({ ttlSeconds: 60 });
    expect(await producer.update(id, { ttlSeconds: 600 })).toBe('updated');
    const task = await producer.get(id);
    expect(task?.expiresAt).toBe((task?.createdAt ?? 0) + 600_000);
  });

  test('only a pending task can be changed', async () => {
    const { producer, consumer, enqueue } = await setup();
    const id = await enqueue();
    await claimOne(consumer);
    expect(await producer.update(id, { priority: 'LOW' })).toBe('not_pending');
    expect(await producer.update('nobody', { priority: 'LOW' })).toBe('unknown');
  });

  test('ids that would collide with other keys are refused', async () => {
    const { producer } = await setup();
    await expect(producer.enqueue(newTask({ id: 'stream' }))).rejects.toThrow(RangeError);
    await expect(producer.enqueue(newTask({ id: 'a:b' }))).rejects.toThrow(RangeError);
  });

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
}

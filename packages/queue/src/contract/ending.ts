import { claimOne, type SetupQueue, tasksOf } from './test-setup.ts';

/** How tasks go: erased, expired, or removed at the end of their time. */
export function describeEnding(setup: SetupQueue): void {
  test('erasing a waiting task ends it, removes its record at once, and it is known that there was one', async () => {
    const { queue, producer, consumer, enqueue } = await setup();
    const id = await enqueue({ owner: 'key-1', notify: 'somebody' });
    expect(await producer.wasRemoved(id)).toBe(false);
    expect(await producer.erase(id)).toBe('erased');
    expect(await producer.get(id)).toBeUndefined();
    expect(await producer.notice(id)).toBeUndefined();
    expect(await producer.wasRemoved(id)).toBe(true);
    expect(await consumer.claim()).toBeUndefined();
    expect(await tasksOf(queue)).toBe(0);
    expect(await producer.erase('nobody')).toBe('unknown');
    expect(await producer.wasRemoved('nobody')).toBe(false);
  });

  test('the attempt of an erased task is lost, and its artifacts go when it cannot store any more', async () => {
    const { queue, producer, consumer, enqueue, endTime } = await setup();
    const finished = await enqueue();
    await consumer.complete(await claimOne(consumer), {});
    const running = await enqueue();
    const claim = await claimOne(consumer);
    await producer.erase(finished);
    await producer.erase(running);
    expect(await consumer.heartbeat([{ claim, checkpoint: Buffer.from('codes') }])).toEqual(['lost']);
    expect(await consumer.complete(claim, {})).toBe('lost');

    const removed: string[] = [];
    const janitor = queue.createJanitor({ removeArtifacts: async (taskId) => void removed.push(taskId) });
    await janitor.clean();
    expect(removed).toEqual([finished]);
    await endTime(running);
    await janitor.clean();
    expect(removed).toEqual([finished, running]);
  });

  test('a task that was removed at the end of its time is known to have been', async () => {
    const { queue, producer, consumer, enqueue, endTime } = await setup();
    const id = await enqueue();
    await consumer.complete(await claimOne(consumer), {});
    await endTime(id);
    await queue.createJanitor().clean();
    expect(await producer.wasRemoved(id)).toBe(true);
  });

  test('unfinished tasks expire, waiting, delayed and running ones alike', async () => {
    const { queue, producer, consumer, enqueue, endTime } = await setup();
    const running = await enqueue();
    const claim = await claimOne(consumer);
    const delayed = await enqueue();
    await consumer.fail(await claimOne(consumer), {
      code: 'engine_crashed',
      detail: 'gone',
      retryable: true,
    });
    const waiting = await enqueue();
    const ids = [running, delayed, waiting];
    for (const id of ids) await endTime(id);

    expect(await queue.createJanitor().clean()).toEqual({ expired: 3, removed: 0 });
    for (const id of ids) expect(await producer.get(id)).toMatchObject({ status: 'expired' });
    expect(await consumer.heartbeat([{ claim }])).toEqual(['lost']);
    expect(await queue.createMonitor().waiting('NORMAL', 10)).toHaveLength(0);
    expect(await queue.createMonitor().delayed()).toBe(0);
  });

  test('what was cancelled or has expired is reported, a stopped attempt with how long stopping took', async () => {
    const { queue, producer, consumer, enqueue, endTime } = await setup();
    const told: unknown[] = [];
    queue.events.on('task:cancelled', (event) => told.push(event));
    queue.events.on('task:expired', (event) => told.push(event));
    const [running, waiting, late] = [await enqueue(), await enqueue(), await enqueue({ priority: 'LOW' })];
    const claim = await claimOne(consumer);
    await producer.cancel(waiting);
    await producer.cancel(running);
    await consumer.acknowledgeCancel(claim);
    await endTime(late);
    await queue.createJanitor().clean();
    expect(told).toEqual([
      { taskId: waiting, priority: 'NORMAL' },
      { taskId: running, priority: 'NORMAL', afterMs: expect.any(Number) },
      { taskId: late, priority: 'LOW' },
    ]);
  });

  test('an expired task can be asked for a while, then is gone', async () => {
    const { queue, producer, enqueue, endTime } = await setup({ expiredRetentionMs: 60_000 });
    const id = await enqueue({ ttlSeconds: 0 });
    const janitor = queue.createJanitor();
    expect(await janitor.clean()).toEqual({ expired: 1, removed: 0 });
    expect(await janitor.clean()).toEqual({ expired: 0, removed: 0 });
    await endTime(id);
    expect(await janitor.clean()).toEqual({ expired: 0, removed: 1 });
    expect(await producer.get(id)).toBeUndefined();
  });

  test('a finished task is removed once its time is over', async () => {
    const { queue, consumer, enqueue, endTime } = await setup();
    const id = await enqueue();
    await consumer.complete(await claimOne(consumer), {});
    await endTime(id);
    const removed = new Promise((resolve) => queue.events.once('task:removed', resolve));

    expect(await queue.createJanitor().clean()).toEqual({ expired: 0, removed: 1 });
    expect(await removed).toEqual({ taskId: id });
    expect(await tasksOf(queue)).toBe(0);
  });

  test('the record stays until the artifacts are removed', async () => {
    const { queue, producer, consumer, enqueue, endTime } = await setup();
    const id = await enqueue();
    await consumer.complete(await claimOne(consumer), {});
    await endTime(id);
    const failing = queue.createJanitor({ removeArtifacts: () => Promise.reject(new Error('disk away')) });
    const failed = new Promise((resolve) => queue.events.once('duty:failed', resolve));

    expect(await failing.clean()).toEqual({ expired: 0, removed: 0 });
    expect(await failed).toMatchObject({ error: { code: 'storage_failed', message: 'disk away' } });
    expect(await producer.get(id)).toBeDefined();

    await endTime(id);
    const removed: string[] = [];
    const janitor = queue.createJanitor({ removeArtifacts: async (taskId) => void removed.push(taskId) });
    expect(await janitor.clean()).toEqual({ expired: 0, removed: 1 });
    expect(removed).toEqual([id]);
  });
}

import type { LifecycleEvent } from '../lifecycle.ts';
import { claimOne, newTask, type SetupQueue, type TestQueue } from './test-setup.ts';

const broken = { code: 'engine_crashed', detail: 'gone', retryable: true } as const;

async function readAll({ queue }: TestQueue): Promise<[taskId: string, status: string, notify: string][]> {
  const reader = queue.createOutboxReader({ consumerName: 'api-1' });
  const entries = await reader.read(100);
  await reader.close();
  return entries.map(({ taskId, status, notify }) => [taskId, status, notify]);
}

/** How one hears of what happens: lifecycle events and the outbox. */
export function describeTelling(setup: SetupQueue): void {
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

  test('the first claim and the end of a task are told, with what it was submitted with; retries are not', async () => {
    const test = await setup();
    const { enqueue, createConsumer, queue, producer } = test;
    const consumer = createConsumer({ retry: { baseMs: 0, capMs: 0 } });
    const notify = '{"url":"https://example.org"}';
    const id = await enqueue({ notify });
    await enqueue();
    await consumer.fail(await claimOne(consumer), broken);
    expect(await queue.createPromoter().promote()).toBe(1);
    await consumer.complete(await claimOne(consumer), {});
    await consumer.complete(await claimOne(consumer), {});

    expect(await readAll(test)).toEqual([
      [id, 'processing', notify],
      [id, 'completed', notify],
    ]);
    expect(await producer.notice(id)).toBe(notify);
    expect(JSON.stringify(await producer.get(id))).not.toContain('example.org');
  });

  test('every way a task can end is told once', async () => {
    const test = await setup();
    const { enqueue, consumer, producer, queue, endTime } = test;
    const [failed, cancelled, late, erased] = [
      await enqueue({ notify: 'a', priority: 'CRITICAL' }),
      await enqueue({ notify: 'b' }),
      await enqueue({ notify: 'c' }),
      await enqueue({ notify: 'd' }),
    ];
    await consumer.fail(await claimOne(consumer), { ...broken, retryable: false });
    await producer.cancel(cancelled);
    await producer.cancel(cancelled);
    await endTime(late);
    await queue.createJanitor().clean();
    await producer.erase(erased);
    expect(await readAll(test)).toEqual([
      [failed, 'processing', 'a'],
      [failed, 'failed', 'a'],
      [cancelled, 'cancelled', 'b'],
      [late, 'expired', 'c'],
      [erased, 'cancelled', 'd'],
    ]);
  });

  test('what a reader has not acknowledged is read by another, under the same id, and is gone once it has', async () => {
    const { queue, consumer, enqueue } = await setup();
    await enqueue({ notify: 'a' });
    await consumer.complete(await claimOne(consumer), {});
    const dead = queue.createOutboxReader({ consumerName: 'dead' });
    const patient = queue.createOutboxReader({ consumerName: 'patient' });
    const quick = queue.createOutboxReader({ consumerName: 'quick', takeOverMs: 0 });

    const entries = await dead.read(1);
    expect(entries).toMatchObject([{ status: 'processing', at: expect.any(Number) }]);
    expect(await patient.read(10)).toMatchObject([{ status: 'completed' }]);
    expect(await quick.read(1)).toEqual(entries);
    await quick.acknowledge(entries.map(({ id }) => id));
    expect(await quick.read(10)).toMatchObject([{ status: 'completed' }]);
    await Promise.all([dead, patient, quick].map((reader) => reader.close()));
  });

  test('a reader that waits is woken by the next turn, and by the signal that tells it to stop', async () => {
    const { queue, consumer, enqueue } = await setup();
    const reader = queue.createOutboxReader({ consumerName: 'api-1' });
    const stopping = new AbortController();
    const waiting = reader.read(10, { waitMs: 60_000, signal: stopping.signal });
    await enqueue({ notify: 'a' });
    await claimOne(consumer);
    expect(await waiting).toMatchObject([{ status: 'processing' }]);

    const inVain = reader.read(10, { waitMs: 60_000, signal: stopping.signal });
    stopping.abort();
    expect(await inVain).toEqual([]);
    await reader.close();
  });
}

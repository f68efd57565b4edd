import type { Priority } from '@musicgen/contract';
import type { Claim, TaskConsumer } from '../task-queue.ts';
import { claimOne, deadOf, type SetupQueue } from './test-setup.ts';

const engineCrashed = { code: 'engine_crashed', detail: 'The engine was killed', retryable: true } as const;

/** What an attempt may do, and how it ends. */
export function describeAttempts(setup: SetupQueue): void {
  test('an attempt that lost its task can neither renew, complete, fail, cancel nor give it back', async () => {
    const { queue, producer, consumer, createConsumer, enqueue } = await setup();
    const id = await enqueue();
    const zombie = await claimOne(consumer);
    await queue.createRecoverer({ leaseMs: 0 }).recover();
    const owner = createConsumer({ workerId: 'owner' });
    await claimOne(owner);
    const before = await producer.get(id);

    expect(await consumer.heartbeat([{ claim: zombie, stage: 'storing' }])).toEqual(['lost']);
    expect(await consumer.complete(zombie, { from: 'the zombie' })).toBe('lost');
    expect(await consumer.fail(zombie, engineCrashed)).toBe('lost');
    expect(await consumer.acknowledgeCancel(zombie)).toBe('lost');
    expect(await consumer.handBack(zombie)).toBe('lost');

    expect(await producer.get(id)).toEqual(before);
  });

  test('an attempt that lost its task to the queue, not yet to another worker, is told so', async () => {
    const { queue, consumer, enqueue } = await setup();
    await enqueue();
    const zombie = await claimOne(consumer);
    await queue.createRecoverer({ leaseMs: 0 }).recover();
    expect(await consumer.heartbeat([{ claim: zombie }])).toEqual(['lost']);
    expect(await consumer.complete(zombie, {})).toBe('lost');
  });

  test('an ending that is sent again, because its reply was lost, answers the same and happens once', async () => {
    const { queue, consumer, enqueue } = await setup();
    await enqueue();
    const completed = await claimOne(consumer);
    expect(await consumer.complete(completed, {})).toBe('completed');
    expect(await consumer.complete(completed, {})).toBe('completed');
    await enqueue();
    const failed = await claimOne(consumer);
    expect(await consumer.fail(failed, engineCrashed)).toBe('retrying');
    expect(await consumer.fail(failed, engineCrashed)).toBe('retrying');
    expect(await queue.createMonitor().delayed()).toBe(1);
    await enqueue();
    const returned = await claimOne(consumer);
    expect(await consumer.handBack(returned)).toBe('returned');
    expect(await consumer.handBack(returned)).toBe('returned');
    expect(await queue.createMonitor().counts()).toMatchObject({ completed: 1, pending: 2 });
  });

  test('a task is retried in its own priority until its attempts are used up, then is a dead letter', async () => {
    const { queue, producer, createConsumer, enqueue } = await setup();
    const consumer = createConsumer({ retry: { baseMs: 0, capMs: 0 } });
    const promoter = queue.createPromoter();
    const id = await enqueue({ priority: 'HIGH', maxAttempts: 2 });

    expect(await consumer.fail(await claimOne(consumer), engineCrashed)).toBe('retrying');
    expect(await producer.get(id)).toMatchObject({
      status: 'pending',
      attempt: 1,
      error: { code: 'engine_crashed' },
    });
    expect(await consumer.claim()).toBeUndefined();

    expect(await promoter.promote()).toBe(1);
    expect(await producer.place(id)).toEqual({ position: 1, ahead: 0 });
    const claim = await claimOne(consumer);
    expect(claim.task).toMatchObject({ id, attempt: 2 });
    expect(claim.task.error).toBeUndefined();
    expect(await consumer.fail(claim, engineCrashed)).toBe('failed');
    expect(await producer.get(id)).toMatchObject({
      status: 'failed',
      error: { code: 'engine_crashed', detail: 'The engine was killed' },
    });
    expect(await deadOf(queue)).toEqual([id]);
  });

  test('a retry waits out its delay', async () => {
    const { queue, producer, createConsumer, enqueue } = await setup();
    const consumer = createConsumer({ retry: { baseMs: 60_000, capMs: 60_000, random: () => 0.5 } });
    const id = await enqueue();
    await consumer.fail(await claimOne(consumer), engineCrashed);
    expect(await queue.createPromoter().promote()).toBe(0);
    const task = await producer.get(id);
    expect(task?.retryAt).toBe((task?.updatedAt ?? 0) + 30_000);
  });

  test('what no retry can cure fails at once', async () => {
    const { consumer, enqueue } = await setup();
    await enqueue();
    expect(await consumer.fail(await claimOne(consumer), { ...engineCrashed, retryable: false })).toBe(
      'failed',
    );
  });

  test('the next heartbeat says so, and nobody else is stopped', async () => {
    const { producer, consumer, enqueue } = await setup();
    await enqueue();
    const cancelled = await enqueue();
    const beats = [{ claim: await claimOne(consumer) }, { claim: await claimOne(consumer) }];
    await producer.cancel(cancelled);
    expect(await consumer.heartbeat(beats)).toEqual(['ok', 'cancel']);
  });

  test('an attempt that fails or is given back meanwhile ends as cancelled, not in another attempt', async () => {
    const { producer, consumer, enqueue } = await setup();
    for (const end of ['fail', 'handBack'] as const) {
      const id = await enqueue();
      const claim = await claimOne(consumer);
      await producer.cancel(id);
      expect(await (end === 'fail' ? consumer.fail(claim, engineCrashed) : consumer.handBack(claim))).toBe(
        'cancelled',
      );
      expect(await producer.get(id)).toMatchObject({ status: 'cancelled' });
    }
  });

  test('keeps the place at the head of the queue, charges nothing and passes the checkpoint on', async () => {
    const { producer, consumer, createConsumer, enqueue } = await setup();
    const first = await enqueue();
    const second = await enqueue();
    const claim = await claimOne(consumer);
    expect(await consumer.handBack(claim, Buffer.from([0, 255, 10]))).toBe('returned');

    expect(await producer.get(first)).toMatchObject({ status: 'pending', attempt: 0 });
    expect(await producer.place(first)).toEqual({ position: 1, ahead: 0 });
    expect(await producer.place(second)).toEqual({ position: 2, ahead: 1 });
    const next = await claimOne(createConsumer());
    expect(next.task).toMatchObject({ id: first, attempt: 1 });
    expect(next.checkpoint).toEqual(Buffer.from([0, 255, 10]));
  });

  test('several tasks come back in the order they were enqueued in', async () => {
    const { consumer, enqueue } = await setup();
    const ids = [await enqueue(), await enqueue(), await enqueue()];
    const claims = [await claimOne(consumer), await claimOne(consumer), await claimOne(consumer)];
    for (const claim of claims.reverse()) await consumer.handBack(claim);
    for (const id of ids) expect((await claimOne(consumer)).task.id).toBe(id);
  });

  test("a lost worker's task goes back to the head of its own queue, uncharged, with its checkpoint", async () => {
    const { queue, producer, consumer, createConsumer, enqueue } = await setup();
    const lost = await enqueue({ priority: 'LOW' });
    await enqueue({ priority: 'LOW' });
    const claim = await claimOne(consumer);
    await consumer.heartbeat([{ claim, checkpoint: Buffer.from('codes so far') }]);

    expect(await queue.createRecoverer({ leaseMs: 0 }).recover()).toBe(1);
    expect(await producer.get(lost)).toMatchObject({ status: 'pending', attempt: 0, stalls: 1 });
    expect(await producer.place(lost)).toEqual({ position: 1, ahead: 0 });
    const next = await claimOne(createConsumer());
    expect(next.task).toMatchObject({ id: lost, attempt: 1, stalls: 1 });
    expect(next.checkpoint).toEqual(Buffer.from('codes so far'));
  });

  test('a returned task is not recovered over and over while it waits', async () => {
    const { queue, producer, consumer, enqueue } = await setup();
    const id = await enqueue();
    await claimOne(consumer);
    const recoverer = queue.createRecoverer({ leaseMs: 0 });
    expect(await recoverer.recover()).toBe(1);
    expect(await recoverer.recover()).toBe(0);
    expect(await producer.get(id)).toMatchObject({ stalls: 1 });
  });

  test('a task that loses worker after worker ends as a dead letter that says so', async () => {
    const { queue, producer, createConsumer, enqueue } = await setup();
    const id = await enqueue();
    const recoverer = queue.createRecoverer({ leaseMs: 0, maxStalls: 2 });
    for (let loss = 0; loss < 3; loss++) {
      await claimOne(createConsumer());
      await recoverer.recover();
    }
    expect(await producer.get(id)).toMatchObject({
      status: 'failed',
      stalls: 3,
      error: { code: 'worker_lost' },
    });
    expect(await deadOf(queue)).toEqual([id]);
  });

  test('a lost task whose cancellation was requested is cancelled', async () => {
    const { queue, producer, consumer, enqueue } = await setup();
    const id = await enqueue();
    await claimOne(consumer);
    await producer.cancel(id);
    await queue.createRecoverer({ leaseMs: 0 }).recover();
    expect(await producer.get(id)).toMatchObject({ status: 'cancelled' });
  });

  test('an attempt that overruns its time is taken back although its worker renews the lease', async () => {
    const { queue, producer, consumer, enqueue } = await setup();
    const id = await enqueue();
    const claim = await claimOne(consumer);
    const recoverer = queue.createRecoverer({ stallTimeoutMs: 0 });
    expect(await consumer.heartbeat([{ claim }])).toEqual(['ok']);
    expect(await recoverer.recover()).toBe(1);
    expect(await consumer.heartbeat([{ claim }])).toEqual(['lost']);
    expect(await producer.get(id)).toMatchObject({ status: 'pending', stalls: 1 });
  });

  describe('making way for a CRITICAL task', () => {
    const beat = (claim: Claim) => ({ claim, stage: 'generating' as const });

    /** A worker that holds two LOW tasks and a NORMAL one, and a CRITICAL task that nobody has claimed for a while. */
    async function setupFull() {
      const test = await setup();
      const { enqueue, waitedFor } = test;
      const hold = async (consumer: TaskConsumer, priority: Priority) => {
        await enqueue({ priority });
        return await claimOne(consumer);
      };
      const older = await hold(test.consumer, 'LOW');
      const younger = await hold(test.consumer, 'LOW');
      const normal = await hold(test.consumer, 'NORMAL');
      const wait = async () => {
        const id = await enqueue({ priority: 'CRITICAL' });
        await waitedFor(id, 1_000);
      };
      return { ...test, hold, wait, beats: [older, younger, normal].map(beat), younger };
    }

    test('a full worker is told to hand back its youngest LOW task, once for each that waits', async () => {
      const { consumer, beats, wait, younger } = await setupFull();
      expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'ok', 'ok']);
      await wait();
      expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'yield', 'ok']);
      expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'ok', 'ok']);
      expect(await consumer.handBack(younger, Buffer.from('codes'))).toBe('returned');
      expect((await claimOne(consumer)).task.priority).toBe('CRITICAL');
      const again = await claimOne(consumer);
      expect(again).toMatchObject({ task: { id: younger.task.id, attempt: 1, stalls: 0 } });
      expect(String(again.checkpoint)).toBe('codes');
    });

    test('of two full workers one is told so', async () => {
      const { consumer, createConsumer, beats, hold, wait } = await setupFull();
      const other = createConsumer();
      const held = await hold(other, 'LOW');
      await wait();
      expect(await other.heartbeat([beat(held)], 'full')).toEqual(['yield']);
      expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'ok', 'ok']);
    });

    test('nobody is while it may still be claimed by an idle worker, or cannot be claimed at all', async () => {
      const { consumer, createConsumer, enqueue, queue, waitedFor, hold, wait, beats } = await setupFull();
      const id = await enqueue({ priority: 'CRITICAL' });
      await waitedFor(id, -60_000);
      expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'ok', 'ok']);
      await wait();
      await queue.createAdmin().pause('CRITICAL');
      expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'ok', 'ok']);
      await queue.createAdmin().resume('CRITICAL');
      expect(await consumer.heartbeat(beats)).toEqual(['ok', 'ok', 'ok']);
      const low = createConsumer({ priorities: ['LOW'] });
      const held = await hold(low, 'LOW');
      expect(await low.heartbeat([beat(held)], 'full')).toEqual(['ok']);
    });
  });
}

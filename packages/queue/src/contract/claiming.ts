import { type Priority, priorityNames } from '@musicgen/contract';
import { claimOne, type SetupQueue, type TestQueue } from './test-setup.ts';

/** Every worker that holds something is lost at this moment. */
async function loseWorkers({ queue }: TestQueue): Promise<void> {
  await queue.createRecoverer({ leaseMs: 0 }).recover();
}

async function loseTogether(test: TestQueue, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    const claims = await test.createConsumer().claimUpTo(10);
    expect(claims.length).toBeGreaterThan(1);
    await loseWorkers(test);
  }
}

/** One worker takes what there is: the poison kills it, anything else it completes. */
async function workUnless(test: TestQueue, poison: string): Promise<void> {
  const worker = test.createConsumer();
  const claims = await worker.claimUpTo(10);
  if (claims.some(({ task }) => task.id === poison)) return loseWorkers(test);
  for (const claim of claims) await worker.complete(claim, {});
}

/** Which task a worker gets, and when it is woken for one. */
export function describeClaiming(setup: SetupQueue): void {
  test('the best priority goes first, and inside a priority the oldest', async () => {
    const { consumer, enqueue } = await setup();
    const ids = new Map<Priority, string[]>(priorityNames.map((name) => [name, []]));
    for (const priority of ['LOW', 'CRITICAL', 'NORMAL', 'HIGH', 'LOW', 'CRITICAL'] as const) {
      ids.get(priority)?.push(await enqueue({ priority }));
    }
    const claimed: string[] = [];
    for (let claim = await consumer.claim(); claim !== undefined; claim = await consumer.claim()) {
      claimed.push(claim.task.id);
    }
    expect(claimed).toEqual([...ids.values()].flat());
  });

  test('a worker takes only the priorities it serves', async () => {
    const { createConsumer, enqueue } = await setup();
    await enqueue({ priority: 'LOW' });
    const consumer = createConsumer({ priorities: ['HIGH', 'CRITICAL'] });
    expect(await consumer.claim()).toBeUndefined();
    const critical = await enqueue({ priority: 'CRITICAL' });
    expect((await claimOne(consumer)).task.id).toBe(critical);
  });

  test('a queue whose oldest task has waited n ageing periods counts n levels higher', async () => {
    const { createConsumer, enqueue, waitedFor } = await setup();
    const consumer = createConsumer({ ageingMs: 60_000 });
    const old = await enqueue({ priority: 'LOW' });
    await enqueue({ priority: 'HIGH' });
    const critical = await enqueue({ priority: 'CRITICAL' });
    const waitedMinutes = async (minutes: number) => waitedFor(old, minutes * 60_000 + 1_000);

    await waitedMinutes(3);
    expect((await claimOne(consumer)).task.id).toBe(critical);
    expect((await claimOne(consumer)).task.id).toBe(old);
  });

  test('ageing lifts a LOW task past fresh CRITICAL ones after four periods, not earlier', async () => {
    const { createConsumer, enqueue, waitedFor } = await setup();
    // So long that a machine which stands still for a while changes nothing.
    const ageingMs = 3_600_000;
    const consumer = createConsumer({ ageingMs });
    const old = await enqueue({ priority: 'LOW' });
    await waitedFor(old, 4 * ageingMs - 60_000);
    const first = await enqueue({ priority: 'CRITICAL' });
    await enqueue({ priority: 'CRITICAL' });
    expect((await claimOne(consumer)).task.id).toBe(first);
    await waitedFor(old, 4 * ageingMs + 60_000);
    expect((await claimOne(consumer)).task.id).toBe(old);
  });

  test('takes them in the order of single claims, each with a token of its own, and no more than there are', async () => {
    const { consumer, enqueue } = await setup();
    const low = await enqueue({ priority: 'LOW' });
    const normal = [await enqueue(), await enqueue()];
    const critical = await enqueue({ priority: 'CRITICAL' });

    const two = await consumer.claimUpTo(2);
    expect(two.map(({ task }) => task.id)).toEqual([critical, normal[0]]);
    const rest = await consumer.claimUpTo(50);
    expect(rest.map(({ task }) => task.id)).toEqual([normal[1], low]);
    expect(new Set([...two, ...rest].map(({ token }) => token)).size).toBe(4);
    expect(await consumer.claimUpTo(50)).toEqual([]);
    for (const claim of rest) expect(await consumer.complete(claim, {})).toBe('completed');
  });

  test('looks at the ages again after each task: an aged queue is ahead for its aged tasks only', async () => {
    const { createConsumer, enqueue, waitedFor } = await setup();
    const consumer = createConsumer({ ageingMs: 60_000 });
    const [old, fresh] = [await enqueue({ priority: 'LOW' }), await enqueue({ priority: 'LOW' })];
    const critical = await enqueue({ priority: 'CRITICAL' });
    await waitedFor(old, 241_000);
    const claims = await consumer.claimUpTo(3);
    expect(claims.map(({ task }) => task.id)).toEqual([old, critical, fresh]);
  });

  test('a task that kills every worker becomes a dead letter, and those that shared a worker with it do not', async () => {
    const test = await setup();
    const poison = await test.enqueue({ priority: 'HIGH' });
    const others = [await test.enqueue(), await test.enqueue(), await test.enqueue()];
    for (let lost = 0; lost < 8 && (await test.producer.get(poison))?.status !== 'failed'; lost++) {
      await workUnless(test, poison);
    }
    expect(await test.producer.get(poison)).toMatchObject({
      status: 'failed',
      error: { code: 'worker_lost' },
    });

    for (let left = others.length; left > 0; left--)
      await test.consumer.complete(await claimOne(test.consumer), {});
    for (const id of others)
      expect(await test.producer.get(id)).toMatchObject({ status: 'completed', stalls: 2 });
  });

  test('a task that lost two workers goes to a worker that holds nothing, which takes nothing beside it', async () => {
    const test = await setup();
    const suspects = [await test.enqueue(), await test.enqueue()];
    await loseTogether(test, 2);
    const fresh = await test.enqueue();

    const worker = test.createConsumer();
    const [claim, ...beside] = await worker.claimUpTo(10);
    expect(claim?.task.id).toBe(suspects[0]);
    expect(beside).toEqual([]);
    expect(await worker.claim()).toBeUndefined();
    if (claim) await worker.complete(claim, {});
    expect((await claimOne(worker)).task.id).toBe(suspects[1]);
    expect((await claimOne(test.createConsumer())).task.id).toBe(fresh);
  });

  test('a worker that holds something claims nothing past a task that must be alone, and gets it when it is free', async () => {
    const test = await setup();
    const suspects = [await test.enqueue(), await test.enqueue()];
    await loseTogether(test, 2);
    const urgent = await test.enqueue({ priority: 'CRITICAL' });
    await test.enqueue({ priority: 'LOW' });

    const worker = test.createConsumer();
    const [first, ...more] = await worker.claimUpTo(10);
    expect(first?.task.id).toBe(urgent);
    expect(more).toEqual([]);
    expect(await worker.claim()).toBeUndefined();
    expect(await test.producer.place(suspects[0] ?? '')).toEqual({ position: 1, ahead: 0 });

    const released = worker.waitForTask(60_000, new AbortController().signal);
    if (first) await worker.complete(first, {});
    await released;
    expect((await claimOne(worker)).task.id).toBe(suspects[0]);
  });

  test('ends when a task arrives for a priority that the worker serves', async () => {
    const { createConsumer, enqueue } = await setup();
    const consumer = createConsumer({ priorities: ['LOW'] });
    const waiting = consumer.waitForTask(30_000, new AbortController().signal);
    await enqueue({ priority: 'LOW' });
    await waiting;
    expect(await consumer.claim()).toBeDefined();
  });

  test('ends when the signal aborts', async () => {
    const { consumer } = await setup();
    const stopping = new AbortController();
    const waiting = consumer.waitForTask(30_000, stopping.signal);
    stopping.abort();
    await waiting;
  });

  test('leaves what the worker still holds to be recovered', async () => {
    const { queue, consumer, createConsumer, enqueue } = await setup();
    const id = await enqueue();
    await claimOne(consumer);
    await consumer.close();
    await queue.createRecoverer({ leaseMs: 0 }).recover();
    expect((await claimOne(createConsumer())).task.id).toBe(id);
  });

  test('a paused queue is passed over until it is resumed, and still admits tasks', async () => {
    const { queue, consumer, enqueue } = await setup();
    const admin = queue.createAdmin();
    await admin.pause('HIGH');
    const high = await enqueue({ priority: 'HIGH' });
    const low = await enqueue({ priority: 'LOW' });
    expect(await admin.paused()).toEqual(['HIGH']);
    expect((await claimOne(consumer)).task.id).toBe(low);
    expect(await consumer.claim()).toBeUndefined();

    await admin.resume('HIGH');
    expect(await admin.paused()).toEqual([]);
    expect((await claimOne(consumer)).task.id).toBe(high);
  });

  test('resuming a queue wakes the workers that wait for it', async () => {
    const { queue, consumer, enqueue } = await setup();
    const admin = queue.createAdmin();
    await admin.pause('NORMAL');
    const id = await enqueue();
    expect(await consumer.claim()).toBeUndefined();

    const waiting = consumer.waitForTask(30_000, new AbortController().signal);
    await admin.resume('NORMAL');
    await waiting;
    expect((await claimOne(consumer)).task.id).toBe(id);
  });

  test('a task that comes back to a paused queue waits there', async () => {
    const { queue, consumer, enqueue } = await setup();
    await enqueue();
    const claim = await claimOne(consumer);
    await queue.createAdmin().pause('NORMAL');
    await consumer.handBack(claim);
    expect(await consumer.claim()).toBeUndefined();
  });
}

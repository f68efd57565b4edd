import { claimOne, type TestQueue, useTestServer } from './test-setup.ts';

const setup = useTestServer();

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

test('a task that kills every worker becomes a dead letter, and those that shared a worker with it do not', async () => {
  const test = await setup();
  const poison = await test.enqueue({ priority: 'HIGH' });
  const others = [await test.enqueue(), await test.enqueue(), await test.enqueue()];
  for (let lost = 0; lost < 8 && (await test.producer.get(poison))?.status !== 'failed'; lost++) {
    const worker = test.createConsumer();
    const claims = await worker.claimUpTo(10);
    if (claims.some(({ task }) => task.id === poison)) await loseWorkers(test);
    else for (const claim of claims) await worker.complete(claim, {});
  }
  expect(await test.producer.get(poison)).toMatchObject({ status: 'failed', error: { code: 'worker_lost' } });

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

test('a worker that cannot take the task it was woken for leaves the wake-up to another', async () => {
  const test = await setup();
  const { redis, keys } = test;
  await test.enqueue();
  await test.enqueue();
  await loseTogether(test, 2);
  const worker = test.createConsumer();
  const urgent = await test.enqueue({ priority: 'CRITICAL' });
  expect((await claimOne(worker)).task.id).toBe(urgent);
  await redis.del(keys.bell('NORMAL'));
  expect(await worker.claim()).toBeUndefined();
  expect(await redis.llen(keys.bell('NORMAL'))).toBe(1);
  const stopping = new AbortController();
  const waiting = worker.waitForTask(60_000, stopping.signal);
  stopping.abort();
  await waiting;
  expect(await redis.llen(keys.bell('NORMAL'))).toBe(1);
});

import { claimOne, type StreamsTestQueue, useTestServer } from './test-setup.ts';

const setup = useTestServer();

/** Every worker that holds something is lost at this moment. */
async function loseWorkers({ queue }: StreamsTestQueue): Promise<void> {
  await queue.createRecoverer({ leaseMs: 0 }).recover();
}

async function loseTogether(test: StreamsTestQueue, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    const claims = await test.createConsumer().claimUpTo(10);
    expect(claims.length).toBeGreaterThan(1);
    await loseWorkers(test);
  }
}

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

test('what was read from the queue behind a task that must be alone goes back to its place', async () => {
  const { enqueue, consumer, createConsumer, redis, keys } = await setup();
  const ids = [await enqueue(), await enqueue(), await enqueue(), await enqueue()] as const;
  await redis.hset(keys.task(ids[1]), 'stalls', 2);
  const idsOf = async (worker: typeof consumer) => (await worker.claimUpTo(4)).map(({ task }) => task.id);
  expect(await idsOf(consumer)).toEqual([ids[0]]);
  const another = createConsumer();
  expect(await idsOf(another)).toEqual([ids[1]]);
  expect(await idsOf(another)).toEqual([]);
  expect(await idsOf(createConsumer())).toEqual([ids[2], ids[3]]);
});

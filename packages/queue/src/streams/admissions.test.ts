import { newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();

/** How many scripts the server has run since its statistics were reset. */
async function scriptCalls({ redis }: Awaited<ReturnType<typeof setup>>): Promise<number> {
  const calls = [...(await redis.info('commandstats')).matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)];
  return calls.reduce((sum, [, count]) => sum + Number(count), 0);
}

test('tasks that come at once travel together, in their order, and each caller gets its own', async () => {
  const test = await setup();
  const { producer, consumer, redis } = test;
  await producer.enqueue(newTask({ priority: 'CRITICAL' }));
  await redis.config('RESETSTAT');
  const tasks = Array.from({ length: 250 }, () => newTask());
  const records = await Promise.all(tasks.map((task) => producer.enqueue(task)));
  expect(records.map(({ id }) => id)).toEqual(tasks.map(({ id }) => id));
  expect(await scriptCalls(test)).toBe(4);
  const claims = await consumer.claimUpTo(100);
  expect(claims.slice(1).map(({ task }) => task.id)).toEqual(tasks.slice(0, 99).map(({ id }) => id));
});

test('of tasks that come at once each is refused for its own reason, and the others are admitted', async () => {
  const { queue } = await setup();
  const producer = queue.createProducer({ maxLength: 5 });
  const order = { key: 'order', requestHash: 'one' };
  const one = newTask({ idempotency: order });
  const outcomes = await Promise.allSettled([
    producer.enqueue(one),
    producer.enqueue(newTask({ idempotency: { ...order, requestHash: 'two' } })),
    producer.enqueue(newTask({ idempotency: order })),
    producer.enqueue(newTask({ owner: 'ada', ownerLimit: 1 })),
    producer.enqueue(newTask({ owner: 'ada', ownerLimit: 1 })),
    producer.enqueue(newTask({ id: 'no id' })),
    producer.enqueue(newTask({ owner: 'bob' })),
    producer.enqueue(one),
    ...Array.from({ length: 4 }, () => producer.enqueue(newTask())),
  ]);
  const said = outcomes.map((outcome) =>
    outcome.status === 'fulfilled' ? outcome.value.id : (outcome.reason.code ?? outcome.reason.message),
  );
  expect(said.slice(0, 3)).toEqual([one.id, 'idempotency_mismatch', one.id]);
  expect(said.slice(3, 5)).toEqual([expect.stringMatching(/-/), 'concurrency_limit']);
  expect(said[5]).toBe('"no id" cannot be a task id');
  expect(said[7]).toBe(one.id);
  expect(said.slice(8).filter((text) => text === 'queue_full')).toHaveLength(2);
  expect((await queue.createMonitor().counts()).pending).toBe(5);
});

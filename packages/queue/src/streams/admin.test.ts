import { claimOne, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('resuming a queue wakes the workers that wait for it, past the bell of a task that came while it was paused', async () => {
  const { queue, enqueue, consumer } = await setup();
  const admin = queue.createAdmin();
  await admin.pause('NORMAL');
  const id = await enqueue();
  await consumer.waitForTask(30_000, new AbortController().signal);
  expect(await consumer.claim()).toBeUndefined();

  const waiting = consumer.waitForTask(30_000, new AbortController().signal);
  await admin.resume('NORMAL');
  await waiting;
  expect((await claimOne(consumer)).task.id).toBe(id);
});

import { describeQueue } from '../contract/describe-queue.ts';
import { claimOne } from '../contract/test-setup.ts';
import { createInProcessQueue, type InProcessOptions } from '../in-process/in-process-queue.ts';
import { testInProcess } from '../in-process/test-setup.ts';
import { createMemoryQueue, nowhere } from './memory-queue.ts';

function setup(options: InProcessOptions = {}) {
  const { queue, context } = createInProcessQueue('memory', nowhere, options);
  return testInProcess(queue, context);
}

describeQueue(setup);

test('of the finished tasks the latest are kept, and with the others go their artifacts', async () => {
  const { enqueue, consumer, queue, producer } = await setup({ keptFinished: 2 });
  const ids: string[] = [];
  for (let count = 0; count < 4; count++) {
    ids.push(await enqueue());
    await consumer.complete(await claimOne(consumer), {});
  }
  const waiting = await enqueue();
  const removed: string[] = [];
  const janitor = queue.createJanitor({ removeArtifacts: async (id) => void removed.push(id) });
  expect(await janitor.clean()).toEqual({ expired: 0, removed: 2 });
  expect(removed).toEqual(ids.slice(0, 2));
  expect(await producer.get(ids[3] ?? '')).toMatchObject({ status: 'completed' });
  expect(await producer.get(waiting)).toMatchObject({ status: 'pending' });
});

test('the newest events are kept, and an id from before them is not gone on from', async () => {
  const { enqueue, queue } = await setup({ lifecycleLength: 100 });
  const reader = queue.createLifecycleReader();
  const first = await enqueue();
  const early = await reader.latestId();
  for (let count = 0; count < 400; count++) await enqueue();
  expect((await queue.createMonitor().lifecycle()).length).toBeLessThanOrEqual(110);
  expect(await reader.since(first, early)).toBeUndefined();
  expect(await reader.since(first, `${Date.now() + 60_000}-0`)).toBeUndefined();
});

test('one task wakes one worker, the one that has waited longest, and one that stops passes its turn on', async () => {
  const { createConsumer, enqueue } = await setup();
  const woken: string[] = [];
  const stopping = [new AbortController(), new AbortController(), new AbortController()] as const;
  const waits = stopping.map(async ({ signal }, index) => {
    await createConsumer().waitForTask(60_000, signal);
    woken.push(signal.aborted ? `${index} stopped` : `${index}`);
  });
  await enqueue();
  await Promise.race(waits);
  expect(woken).toEqual(['0']);
  stopping[1].abort();
  await Promise.all(waits);
  expect(woken).toEqual(['0', '1 stopped', '2']);
});

test('a turn that nobody has acknowledged for a week is dropped, and an id is forgotten after a day', async () => {
  let now = Date.now();
  const { enqueue, consumer, producer, queue } = await setup({ now: () => now });
  await enqueue({ notify: 'a' });
  await claimOne(consumer);
  const erased = await enqueue();
  await producer.erase(erased);
  await queue.createJanitor().clean();
  expect(await producer.wasRemoved(erased)).toBe(true);
  now += 86_400_001;
  await queue.createJanitor().clean();
  expect(await producer.wasRemoved(erased)).toBe(false);
  now += 7 * 86_400_000;
  await queue.createJanitor().clean();
  const turns = await queue.createOutboxReader({ consumerName: 'api' }).read(10);
  // Its task has expired meanwhile: that turn is news.
  expect(turns.map(({ status }) => status)).toEqual(['expired']);
});

test('there is no server to tell about, and no worker that could be told to drain', async () => {
  const queue = createMemoryQueue();
  expect(await queue.prepare()).toBeUndefined();
  await expect(queue.createAdmin().drainWorker('worker-1')).rejects.toMatchObject({ code: 'needs_fleet' });
});

import { setTimeout as delay } from 'node:timers/promises';
import type { Task } from '@musicgen/client';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createFleet, type Fleet, type RunningApi } from './processes.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(120_000);

let redis: RedisServer;
let fleet: Fleet;
beforeAll(async () => {
  redis = await startRedisServer();
  fleet = await createFleet(redis.url);
});
afterAll(async () => {
  await fleet.stop();
  await redis.stop();
});

const secondsBetween = (from: string, to: string | null | undefined) =>
  (Date.parse(to ?? '') - Date.parse(from)) / 1000;

test('tasks that wait in a row are told their ends, which come about then, and how far off that was is published', async () => {
  const worker = fleet.startWorker({ ENGINE_MAX_BATCH: '1' });
  const api = await fleet.startApi();
  const [{ port }] = await Promise.all([
    worker.untilLogged('listening'),
    worker.untilLogged('ready'),
    api.process.untilLogged('ready'),
  ]);
  // Until a task is done only the speed of the decoder is known.
  const known = await pieceSeconds(api, (seconds) => seconds !== undefined);
  await api.client.run({ prompt: 'x', duration: 10 });
  // The two may happen to be the same to a tenth.
  const learntBy = Date.now() + estimateLastsMs;
  await pieceSeconds(api, (seconds) => seconds !== known || Date.now() > learntBy);
  const before = await publishedErrors(Number(port), 1);

  const requests = Array.from({ length: 6 }, (_, seed) => ({ prompt: 'x', duration: 10, seed }));
  const { tasks } = await api.client.submitBatch(requests);
  const finished = await Promise.all(tasks.map(({ id }) => api.client.waitForTask(id)));

  const foreseen = tasks.map((task) => secondsBetween(task.created_at, task.eta?.finish_at));
  const taken = finished.map((task) => secondsBetween(task.created_at, task.finished_at));
  expect(foreseen).toEqual(foreseen.toSorted((a, b) => a - b));
  // The machine may become three times as fast or as slow meanwhile; whoever forgot those ahead would be off by more.
  const [last, lastTook] = [foreseen.at(-1) ?? 0, taken.at(-1) ?? 0];
  expect([last > lastTook / 3, last < lastTook * 3]).toEqual([true, true]);

  const errors = await publishedErrors(Number(port), 1 + tasks.length);
  expect(errors.count).toBe(1 + tasks.length);
  expect(finished.every(isCompleted)).toBe(true);
  const ofBatch = foreseen.map((seconds, index) => Math.abs(seconds / (taken[index] ?? 0) - 1));
  const sum = ofBatch.reduce((all, error) => all + error, 0);
  // What was foreseen was asked for a moment later than it was stored.
  expect(Math.abs(errors.sum - before.sum - sum)).toBeLessThan(1.5);
});

/** How long an API goes by what it has read of the queue, the fleet and its speed. */
const estimateLastsMs = 5_000;

/** How long a piece of ten seconds would take, by the service's estimate, as soon as that is as it is wanted. */
async function pieceSeconds({ client }: RunningApi, isWanted: (seconds: number | undefined) => boolean) {
  for (;;) {
    const { queues } = await client.getQueueState();
    const seconds = queues.find(({ priority }) => priority === 'NORMAL')?.eta?.finish_in;
    if (isWanted(seconds)) return seconds;
    await delay(50);
  }
}

const isCompleted = ({ status }: Task) => status === 'completed';

/** What a worker publishes once it has seen the end of so many tasks; clients may hear of an end before it counts. */
async function publishedErrors(port: number, leastCount: number) {
  for (;;) {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const published = (name: string) => {
      const line = new RegExp(`^musicgen_task_eta_error_ratio_${name}\\{priority="NORMAL"\\} (\\S+)$`, 'm');
      return Number(line.exec(text)?.[1]);
    };
    const errors = { count: published('count'), sum: published('sum') };
    if (errors.count >= leastCount) return errors;
    await delay(50);
  }
}

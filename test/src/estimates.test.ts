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
  await pieceSeconds(api, (seconds) => seconds !== known);

  const requests = Array.from({ length: 6 }, (_, seed) => ({ prompt: 'x', duration: 10, seed }));
  const { tasks } = await api.client.submitBatch(requests);
  const finished = await Promise.all(tasks.map(({ id }) => api.client.waitForTask(id)));

  const foreseen = tasks.map((task) => secondsBetween(task.created_at, task.eta?.finish_at));
  const taken = finished.map((task) => secondsBetween(task.created_at, task.finished_at));
  expect(foreseen).toEqual(foreseen.toSorted((a, b) => a - b));
  // The machine may become three times as fast or as slow meanwhile; whoever forgot those ahead would be off by more.
  const [last, lastTook] = [foreseen.at(-1) ?? 0, taken.at(-1) ?? 0];
  expect([last > lastTook / 3, last < lastTook * 3]).toEqual([true, true]);

  const errors = await publishedErrors(Number(port));
  expect(errors.count).toBe(tasks.length + 1);
  expect(finished.every(isCompleted)).toBe(true);
  const ofBatch = foreseen.map((seconds, index) => Math.abs(seconds / (taken[index] ?? 0) - 1));
  const sum = ofBatch.reduce((before, error) => before + error, 0);
  // That of the first is in it, too, and what was foreseen was asked for a moment later than it was stored.
  expect(Math.abs(errors.sum - sum)).toBeLessThan(1.5);
});

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

async function publishedErrors(port: number) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const published = (name: string) =>
    Number(
      new RegExp(`^musicgen_task_eta_error_ratio_${name}\\{priority="NORMAL"\\} (\\S+)$`, 'm').exec(
        text,
      )?.[1],
    );
  return { count: published('count'), sum: published('sum') };
}

import type { Task } from '@musicgen/contract';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createFleet, type Fleet, type RunningApi } from './processes.ts';

// Every process of a fleet is replaced once, on a machine that may be busy.
jest.setTimeout(180_000);

const longestDelaySeconds = 30;

let redis: RedisServer;
let fleet: Fleet;
beforeEach(async () => {
  redis = await startRedisServer();
  fleet = await createFleet(redis.url);
});
afterEach(async () => {
  await fleet.stop();
  await redis.stop();
});

/** What a load balancer does: sends requests in turn to the replicas it knows of. */
function createBalancer(first: RunningApi[]) {
  const replicas = [...first];
  let turn = 0;
  return {
    next: () => replicas[turn++ % replicas.length] as RunningApi,
    /** The new replica gets requests from now on and the old one none; those in flight go on. */
    replace: (old: RunningApi, replica: RunningApi) => replicas.splice(replicas.indexOf(old), 1, replica),
  };
}

test('every process is replaced under load: no request fails but with 503, no task is lost or waits for a lease', async () => {
  const startApi = async () => {
    const api = await fleet.startApi();
    await api.process.untilLogged('ready');
    return api;
  };
  const startWorker = async () => {
    const worker = fleet.startWorker({ WORKER_SHUTDOWN_GRACE_SECONDS: '1' });
    await worker.untilLogged('ready');
    return worker;
  };
  const apis = [await startApi(), await startApi()];
  const workers = [await startWorker(), await startWorker()];
  const balancer = createBalancer(apis);
  const statuses = new Set<number>();
  const submitted: string[] = [];
  const rolled = new AbortController();

  const client = async () => {
    while (!rolled.signal.aborted) {
      const response = await fetch(`${balancer.next().url}/api/v1/generate`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
          prompt: 'a march',
          duration: 1 + (submitted.length % 4),
          seed: submitted.length,
        }),
      });
      statuses.add(response.status);
      const body = (await response.json()) as Task;
      if (response.status === 202) submitted.push(body.id);
      // The next one once this one is done, so that the queue stays as short as the fleet can keep it.
      if (response.status === 202) await untilEnded(body.id);
    }
  };
  // A stream that a stopping API ends is followed on at another.
  const untilEnded = async (id: string): Promise<Task> => {
    const task = await balancer
      .next()
      .client.waitForTask(id, { patienceSeconds: 0 })
      .catch(() => undefined);
    return task ?? untilEnded(id);
  };
  const clients = Promise.all(Array.from({ length: 4 }, client));

  const exitCodes: (number | null)[] = [];
  for (const api of apis) {
    balancer.replace(api, await startApi());
    await api.process.stop();
    exitCodes.push((await api.process.ended).code);
  }
  for (const worker of workers) {
    await startWorker();
    await worker.stop();
    exitCodes.push((await worker.ended).code);
  }
  rolled.abort();
  await clients;

  expect(exitCodes).toEqual([0, 0, 0, 0]);
  expect([...statuses].filter((status) => ![202, 503].includes(status))).toEqual([]);
  expect(submitted.length).toBeGreaterThan(4);
  const tasks = await Promise.all(submitted.map(untilEnded));
  for (const { status, attempt, timings } of tasks) {
    expect({ status, attempt }).toEqual({ status: 'completed', attempt: 1 });
    expect((timings.queue ?? 0) + (timings.processing ?? 0)).toBeLessThan(longestDelaySeconds);
  }
});

test('an event stream that a stopping API ends is told when to come back, and goes on at another', async () => {
  const [first, second] = [await fleet.startApi(), await fleet.startApi()];
  await Promise.all([first.process.untilLogged('ready'), second.process.untilLogged('ready')]);
  const task = await first.client.generate({ prompt: 'a march', duration: 4 });
  const response = await fetch(`${first.url}${task.links.events}`);
  const stream = response.body as NonNullable<Response['body']>;
  let text = '';
  let stopped: Promise<void> | undefined;
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes('event:snapshot')) stopped ??= first.process.stop();
  }
  await stopped;
  expect(text).toMatch(/^retry:\d+$/m);
  expect((await first.process.ended).code).toBe(0);

  fleet.startWorker();
  expect(await second.client.waitForTask(task.id)).toMatchObject({ status: 'completed' });
});

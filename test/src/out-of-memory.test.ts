import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createFleet, type Fleet } from './processes.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(180_000);

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

/** Leaves a running process so much more memory than it has, as a full machine would. */
async function limitMemory(pid: number, megabytes: number): Promise<void> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const usedBytes = 1024 * Number(/VmSize:\s+(\d+)/.exec(status)?.[1]);
  execFileSync('prlimit', ['--pid', String(pid), `--as=${usedBytes + megabytes * 2 ** 20}`]);
}

(process.platform === 'linux' ? test : test.skip)(
  'an engine without memory fails its task with the reason, and the worker lives and makes the next one',
  async () => {
    const api = await fleet.startApi({ TASK_MAX_RETRIES: '0' });
    const worker = fleet.startWorker();
    const { pid } = await worker.untilLogged('The engine is ready');
    await worker.untilLogged('ready');
    await limitMemory(Number(pid), 5);

    const request = { prompt: 'x', duration: 20, seed: 1, guidance_scale: 1 };
    const starved = await api.client.waitForTask((await api.client.generate(request)).id);
    expect(starved).toMatchObject({ status: 'failed', attempt: 1, result: null });
    // Which of the two depends on who asks for the memory in vain: our code, or one that ends the process.
    expect(['out_of_memory', 'engine_crashed']).toContain(starved.error?.code);

    const short = await api.client.generate({ ...request, duration: 1 });
    expect(await api.client.waitForTask(short.id)).toMatchObject({ status: 'completed', attempt: 1 });
    // Nobody has started another worker.
    const { worker: workerId } = await worker.untilLogged('ready');
    const { workers } = await api.client.getWorkers();
    expect(workers.map(({ id }) => id)).toEqual([workerId]);
  },
);

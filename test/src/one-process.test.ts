import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type Task } from '@musicgen/client';
import { type ServiceProcess, startServiceProcess } from '@musicgen/local/service-process';
import { startRedisServer } from '@musicgen/redis-server';
import { root } from './processes.ts';

const undos: (() => unknown)[] = [];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'musicgen-one-'));
  undos.push(() => rm(folder, { recursive: true }));
});
afterEach(async () => {
  for (const undo of undos.splice(0).reverse()) await undo();
});

function start(env: Record<string, string>): ServiceProcess {
  const process = startServiceProcess({
    name: 'service',
    entry: join(root, 'apps/local/dist/one-process.js'),
    env: {
      REDIS_URL: '',
      ARTIFACT_URL: '',
      API_PORT: '0',
      MODEL_PATH: join(root, 'models/musicgen-tiny'),
      ENGINE_THREADS: '1',
      ENGINE_MAX_BATCH: '1',
      TMPDIR: folder,
      ...env,
    },
    logFile: join(folder, `service-${undos.length}.log`),
  });
  undos.push(() => process.stop());
  return process;
}

async function clientOf(process: ServiceProcess) {
  const { url } = await process.untilLogged('listening');
  await process.untilLogged('ready');
  const call = async (method: string, path: string) => {
    const response = await fetch(`${url}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };
  const json = async (path: string) => JSON.parse((await call('GET', path)).text);
  return { call, json, ...createClient({ baseUrl: String(url) }) };
}

const monitored = ['health', 'metrics', 'distribution', 'performance', 'stalled', 'trends'];

test('in memory one process takes, makes and hands out music, tells how it stands, and leaves nothing', async () => {
  const process = start({});
  const client = await clientOf(process);
  const tasks: Task[] = [];
  for (const priority of ['LOW', 'CRITICAL'] as const)
    tasks.push(await client.generate({ prompt: 'lofi', duration: 1, priority }));
  const finished = await Promise.all(tasks.map(({ id }) => client.waitForTask(id)));
  expect(finished.map(({ status }) => status)).toEqual(['completed', 'completed']);
  expect((await client.call('GET', `/api/v1/tasks/${finished[0]?.id}/audio`)).text.slice(0, 4)).toBe('RIFF');

  const health = await client.json('/healthz');
  expect([health.redis, health.queue.kind]).toEqual([null, 'memory']);
  for (const view of monitored)
    expect([view, (await client.call('GET', `/api/v1/monitoring/tasks/${view}`)).status]).toEqual([
      view,
      200,
    ]);
  expect(await client.json('/api/v1/monitoring/tasks/metrics')).toMatchObject({ completed_tasks: 2 });
  expect(await client.json('/api/v1/monitoring/autoscale')).toMatchObject({ desired_replicas: 1 });
  const { workers } = await client.json('/api/v1/monitoring/workers');
  const drained = await client.call('POST', `/api/v1/admin/workers/${workers[0].id}/drain`);
  expect([drained.status, JSON.parse(drained.text).code]).toEqual([409, 'needs_fleet']);
  const exported = (await client.call('GET', '/api/v1/admin/tasks/export')).text.trimEnd().split('\n');
  expect(exported.map((line) => JSON.parse(line).type)).toEqual(['header', 'task', 'task', 'end']);
  const metrics = (await client.call('GET', '/metrics')).text;
  expect(metrics).toContain('musicgen_queue_stats_up 1');
  expect(metrics).toContain('role="local"');

  expect(await readdir(folder)).toHaveLength(2);
  await process.stop();
  expect(await process.ended).toMatchObject({ code: 0 });
  expect((await readdir(folder)).filter((name) => !name.endsWith('.log'))).toEqual([]);
});

test('on basic Redis a process that is killed is gone on from by the next, and two at once are refused', async () => {
  const redis = await startRedisServer();
  undos.push(() => redis.stop());
  const env = { REDIS_URL: redis.url, ARTIFACT_URL: `file:${join(folder, 'artifacts')}` };
  const first = start(env);
  const client = await clientOf(first);
  const done = await client.waitForTask((await client.generate({ prompt: 'lofi', duration: 1 })).id);
  const second = await start({ ...env }).ended;
  expect(second).toMatchObject({ code: 78, how: expect.stringContaining('only one process may') });

  // Long enough for the others to come while it is worked on.
  const running = await client.generate({ prompt: 'lofi', duration: 60, guidance_scale: 1, seed: 7 });
  const waiting = [];
  for (const priority of ['LOW', 'NORMAL', 'CRITICAL'] as const)
    waiting.push(await client.generate({ prompt: 'lofi', duration: 1, priority }));
  for await (const { task } of client.followTask(running.id)) if (task.status === 'processing') break;

  first.kill('SIGKILL');
  await first.ended;

  const next = await clientOf(start(env));
  expect(await next.getTask(done.id)).toMatchObject({
    status: 'completed',
    result: { sha256: done.result?.sha256 },
  });
  const ids = [running, ...waiting].map(({ id }) => id);
  const ended = await Promise.all(ids.map((id) => next.waitForTask(id)));
  expect(ended.map(({ status }) => status)).toEqual(ids.map(() => 'completed'));
  const inOrder = ended
    .slice(1)
    .sort((a, b) => Date.parse(a.started_at ?? '') - Date.parse(b.started_at ?? ''));
  expect(inOrder.map(({ priority }) => priority)).toEqual(['CRITICAL', 'NORMAL', 'LOW']);
});

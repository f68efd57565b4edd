import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Task } from '@musicgen/client';
import { downloadAudio } from '@musicgen/client/node';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { modelWithEncoder, recording } from './foreign-audio.ts';
import { createFleet, type Fleet, followUntil, root } from './processes.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(120_000);

let redis: RedisServer;
let fleet: Fleet;
beforeEach(async () => {
  redis = await startRedisServer();
  fleet = await createFleet(redis.url);
});
// Here and not at the end of each test, so that one which runs out of time leaves no process behind either.
afterEach(async () => {
  await fleet.stop();
  await redis.stop();
});

test('a task goes from HTTP over Redis and a worker process to audio, its events told to the end', async () => {
  const api = await fleet.startApi();
  await api.process.untilLogged('ready');
  const submitted = await api.client.generate({ prompt: 'lofi piano', duration: 6, seed: 7 });
  fleet.startWorker();
  const changes: Partial<Task>[] = [];
  const task = await api.client.waitForTask(submitted.id, {
    onUpdate: ({ change }) => changes.push(change),
  });

  expect(task).toMatchObject({
    status: 'completed',
    attempt: 1,
    result: { duration: 6, sample_rate: 32_000 },
  });
  const frames = changes.flatMap(({ progress }) => (progress ? [progress.frame] : []));
  expect(frames.at(-1)).toBe(300);
  expect(frames).toEqual(frames.toSorted((a, b) => a - b));

  const path = join(fleet.folder, 'piece.wav');
  expect(await downloadAudio(api.client, task.id, path)).toBe(task.result?.bytes);
  const file = await readFile(path);
  expect(createHash('sha256').update(file).digest('hex')).toBe(task.result?.sha256);
  expect(file.readUInt32LE(40)).toBe(6 * 32_000 * 2);
  expect(new Set(new Int16Array(file.buffer, file.byteOffset + 44, 32_000)).size).toBeGreaterThan(100);
});

test('a piece goes on from a recording that was sent, and is heard while it is made', async () => {
  const model = await modelWithEncoder(fleet.folder);
  const api = await fleet.startApi();
  await api.process.untilLogged('ready');
  const post = (path: string, type: string, body: BodyInit) =>
    fetch(`${api.url}${path}`, { method: 'POST', headers: { 'Content-Type': type }, body });

  const upload = await post('/api/v1/uploads', 'audio/wav', recording(2));
  expect(upload.status).toBe(201);
  const { id: upload_id } = await upload.json();
  // Long enough to be heard before it is whole.
  const request = {
    prompt: 'lofi piano',
    duration: 60,
    guidance_scale: 1,
    preview: true,
    continue_from: { upload_id },
  };
  const task = await api.client.generate(request);
  fleet.startWorker({ MODEL_PATH: model });
  const audible = followUntil(api, task.id, ({ progress }) => (progress?.frame ?? 0) > 500);
  await audible.reached;
  const heard = await untilOk(`${api.url}${task.links.preview}`);
  expect(Buffer.from(await heard.arrayBuffer()).toString('latin1', 0, 4)).toBe('RIFF');
  expect(heard.headers.get('Cache-Control')).toBe('private, no-cache');

  const finished = await audible.finished;
  expect(finished).toMatchObject({ status: 'completed', result: { duration: 62 } });
  const whole = await fetch(`${api.url}${task.links.preview}`);
  expect((await whole.arrayBuffer()).byteLength).toBe(finished.result?.bytes);
});

async function untilOk(url: string): Promise<Response> {
  for (;;) {
    const response = await fetch(url);
    if (response.ok) return response;
    await response.body?.cancel();
  }
}

test('tasks that name different models are made by one worker, which has memory for one at a time', async () => {
  const api = await fleet.startApi();
  const worker = fleet.startWorker({
    MODELS_PATH: join(root, 'models'),
    ENGINE_MEMORY_MB: '200',
    ORT_EXECUTION_PROVIDERS: 'cuda,cpu',
  });
  await Promise.all([api.process, worker].map((process) => process.untilLogged('ready')));
  expect(await worker.untilLogged('The engine is ready')).toMatchObject({
    runsOn: { 'onnx/decoder_model_merged.onnx': 'cpu' },
  });
  expect(await worker.untilLogged('A graph does not run where it was wanted')).toMatchObject({
    level: 'warn',
    provider: 'cpu',
    refused: expect.stringMatching(/^cuda \(.+\)$/),
  });
  const models = ['musicgen-micro', undefined, 'musicgen-tiny'];
  const tasks = models.map(async (model) => {
    const { id } = await api.client.generate({
      prompt: 'lofi piano',
      duration: 1,
      seed: 7,
      ...(model && { model }),
    });
    return (await api.client.waitForTask(id)).result?.model;
  });
  expect(await Promise.all(tasks)).toEqual(['musicgen-micro', 'musicgen-tiny', 'musicgen-tiny']);
  expect(await worker.untilLogged('A model makes room for another')).toMatchObject({
    model: 'musicgen-tiny',
    for: 'musicgen-micro',
  });
});

test('a worker that is stopped in the middle hands its task back, and another goes on where it was', async () => {
  const api = await fleet.startApi();
  await api.process.untilLogged('ready');
  // Long enough to be interrupted on any machine.
  const request = { prompt: 'epic orchestra', duration: 60, seed: 11, guidance_scale: 1 };
  const interrupted = await api.client.generate(request);

  const first = fleet.startWorker({ WORKER_SHUTDOWN_GRACE_SECONDS: '0' });
  const halfway = followUntil(api, interrupted.id, ({ progress }) => (progress?.frame ?? 0) > 100);
  await halfway.reached;
  await first.stop();
  expect((await first.ended).code).toBe(0);

  const second = fleet.startWorker();
  expect(await second.untilLogged('task claimed')).toMatchObject({ task_id: interrupted.id, resumed: true });
  const task = await halfway.finished;
  expect(task).toMatchObject({ status: 'completed', attempt: 1 });

  const undisturbed = await api.client.generate(request);
  const other = await api.client.waitForTask(undisturbed.id);
  // Up to where it was interrupted: behind that the rounding of the prefill may, once in a while, let a draw fall to the
  // other side. That nothing else differs is tested with the engine alone.
  const [codes, undisturbedCodes] = [await fleet.codesOf(task), await fleet.codesOf(other)];
  expect(codes.length).toBe(undisturbedCodes.length);
  expect(codes.subarray(0, 800)).toEqual(undisturbedCodes.subarray(0, 800));
});

test('the best priority is worked on first', async () => {
  const api = await fleet.startApi();
  await api.process.untilLogged('ready');
  const submitted = new Map<string, string>();
  for (const priority of ['low', 1, 'NORMAL', 20, 'High']) {
    const task = await api.client.generate({ prompt: 'x', duration: 1, priority });
    submitted.set(task.id, task.priority);
  }
  const worker = fleet.startWorker();
  const claimed: (string | undefined)[] = [];
  worker.log.on('line', ({ msg, task_id }) => {
    if (msg === 'task claimed') claimed.push(submitted.get(String(task_id)));
  });
  await Promise.all([...submitted.keys()].map((id) => api.client.waitForTask(id)));
  // Its log may be behind what the events tell, but not behind its end.
  await worker.stop();
  expect(claimed).toEqual(['CRITICAL', 'HIGH', 'NORMAL', 'LOW', 'LOW']);
});

test('cancelling a running task stops it at its next step', async () => {
  const api = await fleet.startApi();
  await api.process.untilLogged('ready');
  const { id } = await api.client.generate({ prompt: 'x', duration: 300 });
  fleet.startWorker();
  const running = followUntil(api, id, ({ progress }) => (progress?.frame ?? 0) > 0);
  await running.reached;
  await fetch(`${api.url}/api/v1/tasks/${id}/cancel`, { method: 'POST' });
  expect(await running.finished).toMatchObject({ status: 'cancelled' });
});

test('a worker whose model file is missing names it, is not ready, and claims nothing', async () => {
  const api = await fleet.startApi();
  await api.process.untilLogged('ready');
  const { id } = await api.client.generate({ prompt: 'x', duration: 1 });
  const worker = fleet.startWorker({ MODEL_PATH: fleet.folder });
  const { port } = await worker.untilLogged('listening');
  expect(await worker.untilLogged('model not loaded')).toMatchObject({
    reason: 'model_load_failed',
    detail: expect.stringContaining('config.json'),
  });
  const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ detail: expect.stringContaining('config.json') });
  expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
  expect(await (await fetch(`${api.url}/api/v1/tasks/${id}`)).json()).toMatchObject({
    status: 'pending',
    attempt: 0,
  });
});

test('processes that start before Redis wait for it, and work once it is there', async () => {
  const { port } = redis;
  await redis.stop();
  const api = await fleet.startApi();
  const worker = fleet.startWorker();
  await Promise.all(
    [api.process, worker].map((process) =>
      process.untilLogged('Redis is away; trying again until it is back'),
    ),
  );
  expect((await fetch(`${api.url}/readyz`)).status).toBe(503);
  await expect(api.client.generate({ prompt: 'x' })).rejects.toThrow(
    'Redis could not admit the task: it is away',
  );

  const ready = [api.process, worker].map((process) => process.untilLogged('ready'));
  redis = await startRedisServer({ port });
  await Promise.all(ready);
  const { id } = await api.client.generate({ prompt: 'x', duration: 1 });
  expect(await api.client.waitForTask(id)).toMatchObject({ status: 'completed' });
});

test('a configuration that cannot be used ends the process at once with everything that is wrong', async () => {
  const worker = fleet.startWorker({ WORKER_PRIORITIES: 'URGENT', ENGINE_THREADS: 'many' });
  expect((await worker.ended).code).toBe(78);
  const log = await readFile(join(fleet.folder, 'worker-0.log'), 'utf8');
  expect(log).toMatch(/WORKER_PRIORITIES.*CRITICAL, HIGH, NORMAL, LOW/);
  expect(log).toMatch('ENGINE_THREADS');
});

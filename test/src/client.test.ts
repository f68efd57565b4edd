import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Client, createClient } from '@musicgen/client';
import { freePort, type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createFleet, type Fleet, type RunningApi, root } from './processes.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(120_000);

/** Every API process delivers webhooks, so every one must be allowed to; and takes pieces whose end nobody sees. */
const settings = {
  WEBHOOK_ALLOW_HTTP: 'true',
  WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
  MAX_DURATION_SECONDS: '3600',
};

let redis: RedisServer;
let fleet: Fleet;
let api: RunningApi;
let client: Client;
beforeAll(async () => {
  redis = await startRedisServer();
  fleet = await createFleet(redis.url);
  const worker = fleet.startWorker();
  api = await fleet.startApi(settings);
  client = createClient({ baseUrl: api.url });
  await Promise.all([api.process, worker].map((process) => process.untilLogged('ready')));
});
afterAll(async () => {
  await fleet.stop();
  await redis.stop();
});

/** Not for clients: probes, metrics, and the documentation itself. */
const notForClients = [
  'getLiveness',
  'getReadiness',
  'getMetrics',
  'getOpenApi',
  'getDocs',
  'getDocsFile',
  'listProblems',
  'getProblem',
];

test('every operation of the API has a function of its name', async () => {
  const document = (await (await fetch(`${api.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  const operations = Object.values(document.paths)
    .flatMap((path) => Object.values(path))
    .map(({ operationId }) => operationId)
    .filter((id) => id !== undefined && !notForClients.includes(id) && !id.startsWith('head'));
  expect(operations.length).toBeGreaterThan(30);
  expect(operations.filter((id) => !(id in client))).toEqual([]);
});

test('what is submitted is the same to every function that looks at it', async () => {
  const { id } = await client.generate(
    { prompt: '🎻 שיר ערש', duration: 1, seed: 7, metadata: { room: '12' } },
    { waitSeconds: 30 },
  );
  const task = await client.getTask(id);
  expect(task).toMatchObject({
    status: 'completed',
    request: { prompt: '🎻 שיר ערש', metadata: { room: '12' } },
  });
  const listed: string[] = [];
  for await (const { id: known } of client.eachTask({ status: 'completed', limit: 1 })) listed.push(known);
  expect(listed).toContain(id);
  const peaks = await client.getPeaks(id, { points: 10 });
  expect(peaks.peaks[0]).toHaveLength(20);
  for (const picture of [await client.getWaveform(id), await client.getSpectrogram(id)])
    expect((await picture.arrayBuffer()).byteLength).toBeGreaterThan(500);
  const mp3 = await (await client.getAudio(id, { format: 'mp3' })).blob();
  expect(await client.inspectAudio(mp3, { type: 'audio/mpeg' })).toMatchObject({
    format: 'mp3',
    made_by: { task_id: id, seed: 7 },
  });
  const exported: unknown[] = [];
  for await (const line of client.exportTasks())
    exported.push(line.type === 'task' ? line.task.id : line.type);
  expect(exported).toEqual(expect.arrayContaining(['header', id, 'end']));
  await client.deleteTask(id);
  await expect(client.getTask(id)).rejects.toMatchObject({ code: 'gone', status: 410 });
});

test('audio that is sent can be gone on from, and is removed', async () => {
  const first = await client.run({ prompt: 'a march', duration: 1, seed: 3 });
  const upload = await client.uploadAudio(await (await client.getAudio(first.id)).blob(), {
    ttlSeconds: 600,
  });
  expect(upload).toMatchObject({ duration: 1, channels: 1 });
  await client.deleteUpload(upload.id);
  await expect(client.deleteUpload(upload.id)).rejects.toMatchObject({ code: 'not_found' });
});

test('a task is followed through the restart of the API, and a signal ends the following', async () => {
  // One that nobody else is given while it restarts.
  const own = { ...settings, API_PORT: String(await freePort()) };
  const other = await fleet.startApi(own);
  const { id } = await client.generate({ prompt: 'long', duration: 3600 });
  const following = createClient({ baseUrl: other.url });
  const leave = new AbortController();
  const frames: number[] = [];
  let restarted: Promise<RunningApi> | undefined;
  const heard = (async () => {
    for await (const { task } of following.followTask(id, { signal: leave.signal })) {
      const frame = task.progress?.frame ?? 0;
      if (frame > 0) restarted ??= other.process.stop().then(() => fleet.startApi(own));
      frames.push(frame);
      if (frame > 0 && restarted && (await Promise.race([restarted, undefined])) !== undefined) leave.abort();
    }
  })();
  await expect(heard).rejects.toMatchObject({ name: 'AbortError' });
  expect(frames).toEqual(frames.toSorted((a, b) => a - b));
  await client.cancelTask(id);
  expect(await client.waitForTask(id)).toMatchObject({ status: 'cancelled' });
});

/** What every example of the page prints, by its heading. */
const printed: Record<string, RegExp> = {
  'Make a piece and save it': /^calm\.flac: \d+ bytes, 4 s by musicgen-tiny\n$/,
  'Follow the progress, and give up in time': /^(pending|processing) \d+ %, .*\nIt ended as cancelled\.\n$/s,
  'Several takes, and many prompts at once':
    /^One take would be ready at 20.*\n(driving techno, seed 4[012]: completed, \d+ bytes\n){3}rain on a tin roof.*completed.*\na music box.*completed.*\n$/,
  'Be told by webhook': /^task\.completed: a short fanfare\n$/,
  'Operate the service':
    /^The fleet is .*\.[\s\S]*LOW 0 \n\S+ (idle|busy) musicgen-tiny\nPaused: 0\.\nnot_found 404 No live worker has this id\.\n$/,
};

test('every example of docs/client.md runs and prints what it should', async () => {
  const page = await readFile(join(root, 'docs/client.md'), 'utf8');
  const examples = [...page.matchAll(/^## (.*)\n(?:(?!^## )[\s\S])*?```js\n([\s\S]*?)```/gm)];
  expect(examples.map(([, heading]) => heading)).toEqual(Object.keys(printed));
  const env = {
    PATH: process.env.PATH,
    MUSICGEN_URL: api.url,
    WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
  };
  // The first writes a file, into the folder where it runs; the packages are found from the checkout. One that hangs is
  // ended in time to be named.
  const run = async (code: string) => {
    const inFolder = `process.chdir(${JSON.stringify(fleet.folder)});\n${code}`;
    const options = { cwd: root, env, timeout: 90_000 };
    return (await promisify(execFile)(process.execPath, ['--input-type=module', '-e', inFolder], options))
      .stdout;
  };
  const outputs = await Promise.all(examples.map(([, , code = '']) => run(code)));
  examples.forEach(([, heading = ''], index) => {
    expect(outputs[index]).toMatch(printed[heading] ?? 'no such heading');
  });
  expect((await readFile(join(fleet.folder, 'calm.flac'))).toString('latin1', 0, 4)).toBe('fLaC');
});

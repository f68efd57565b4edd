import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createApiKey, hashApiKey } from '@musicgen/access';
import { createClient, type Task } from '@musicgen/client';
import { createStreamsQueue } from '@musicgen/queue';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { uploadKey } from '@musicgen/storage';
import { Redis } from 'ioredis';
import { type CommandLine, createCommandLine } from './command-line.ts';
import { createFleet, type Fleet, type RunningApi } from './processes.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(120_000);

const key = createApiKey();
let redis: RedisServer;
let fleet: Fleet;
let api: RunningApi;
/** Wants a key, and takes one waiting task, which nobody works on. */
let strict: RunningApi;
let cli: CommandLine;
beforeAll(async () => {
  redis = await startRedisServer();
  fleet = await createFleet(redis.url);
  const worker = fleet.startWorker({ WORKER_PRIORITIES: 'CRITICAL,HIGH,NORMAL' });
  [api, strict] = await Promise.all([
    fleet.startApi({ TASK_MAX_RETRIES: '0' }),
    fleet.startApi({
      TASK_KEY_PREFIX: 'strict',
      QUEUE_MAX_LENGTH: '1',
      API_KEYS: `tester:generate:${hashApiKey(key).toString('hex')}`,
    }),
  ]);
  cli = await createCommandLine(api.url);
  await Promise.all([api.process, strict.process, worker].map((process) => process.untilLogged('ready')));
});
afterAll(async () => {
  await cli.remove();
  await fleet.stop();
  await redis.stop();
});

const inTerminal = process.platform === 'linux' ? test : test.skip;
const colour = '\x1b[36m';

test('a prompt becomes a file, and the file the same music again', async () => {
  const made = await cli.pipe(['generate', 'שלום 🎻 lofi', '-d', '2', '--seed', '7', '-o', 'out.wav']);
  expect(made).toMatchObject({ code: 0, stdout: `${join(cli.folder, 'out.wav')}\n` });
  expect(made.stderr).toMatch(/100 % {2}completed\n2\.00 s, 32 kHz mono, .*musicgen-tiny, seed 7\n$/);
  // A pipe gets neither colours nor lines that are redrawn.
  expect(made.stderr).not.toContain('\x1b');

  const inspected = await cli.pipe(['inspect', 'out.wav', '--json']);
  expect(JSON.parse(inspected.stdout).made_by).toMatchObject({ prompt: 'שלום 🎻 lofi', seed: 7 });
  const again = await cli.pipe(['reproduce', 'out.wav', '--json']);
  expect(JSON.parse(again.stdout)).toMatchObject({ same: true, file: null, task: { status: 'completed' } });
  expect(again.code).toBe(0);

  // One sample is another.
  const file = await readFile(join(cli.folder, 'out.wav'));
  file.writeInt16LE(file.readInt16LE(1044) ^ 1, 1044);
  await writeFile(join(cli.folder, 'changed.wav'), file);
  const changed = await cli.pipe(['reproduce', 'changed.wav']);
  expect(changed).toMatchObject({ code: 1, stdout: expect.stringContaining('different samples') });
});

test('every line of standard input is a prompt, and each becomes a file', async () => {
  const input = 'a march\n\na waltz\na tango\n';
  const args = ['generate', '-d', '1', '-o', 'piece.ogg', '--json'];
  const { code, stdout } = await cli.pipe(args, { input });
  const tasks = JSON.parse(stdout) as (Task & { file: string })[];
  expect(tasks.map(({ request, file }) => [request.prompt, file])).toEqual([
    ['a march', join(cli.folder, 'piece-1.ogg')],
    ['a waltz', join(cli.folder, 'piece-2.ogg')],
    ['a tango', join(cli.folder, 'piece-3.ogg')],
  ]);
  for (const { file } of tasks) expect((await readFile(file)).toString('latin1', 0, 4)).toBe('OggS');
  expect(code).toBe(0);
});

test('audio goes to standard output and nothing else does', async () => {
  const { code, bytes } = await cli.pipe(['generate', 'x', '-d', '1', '-o', '-']);
  expect(code).toBe(0);
  expect(bytes.toString('latin1', 0, 4)).toBe('RIFF');
  expect(bytes.readUInt32LE(4) + 8).toBe(bytes.length);
});

test('a dry run says when it would be done, as a sentence or as JSON, and submits nothing', async () => {
  const before = (await cli.pipe(['ls', '--limit', '1', '--json'])).stdout;
  const [told, shown, unserved] = await Promise.all(
    [
      ['-d', '2'],
      ['-d', '2', '--json'],
      ['-p', 'low'],
    ].map((options) => cli.pipe(['generate', 'x', '--dry-run', ...options])),
  );
  expect(told).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^It would start in \d+ s and be done in \d+ s\.\n$/),
  });
  expect(JSON.parse(shown?.stdout ?? '')).toMatchObject({
    dry_run: true,
    request: { prompt: 'x', duration: 2 },
  });
  expect(unserved?.stdout).toBe('Nobody can say: no live worker takes tasks of this priority.\n');
  expect((await cli.pipe(['ls', '--limit', '1', '--json'])).stdout).toBe(before);
});

test('a piece is faded out, gone on from, and opened with what the desktop plays it with', async () => {
  const faded = await cli.pipe(['generate', 'x', '-d', '2', '--fade-out', '1', '-o', 'faded.wav', '--json']);
  const { id, request } = JSON.parse(faded.stdout) as Task;
  expect(request).toMatchObject({ fade_out: 1 });
  const samples = await readFile(join(cli.folder, 'faded.wav'));
  const end = 44 + samples.readUInt32LE(40);
  expect(Math.abs(samples.readInt16LE(end - 2))).toBeLessThan(100);

  // A desktop that writes down what it is to open.
  const desktop = join(cli.folder, 'desktop');
  await mkdir(desktop);
  await writeFile(join(desktop, 'xdg-open'), `#!/bin/sh\necho "$1" > "${desktop}/opened"\n`, { mode: 0o755 });
  const env = { PATH: `${desktop}:${process.env.PATH}` };
  const continued = ['generate', 'x', '-d', '1', '--continue-from', id, '-o', 'continued.wav', '--open'];
  expect(await cli.pipe(continued, { env })).toMatchObject({ code: 0 });
  const made = await cli.pipe(['status', '--json']);
  expect(JSON.parse(made.stdout)).toMatchObject({
    request: { continue_from: { task_id: id } },
    result: { duration: 3 },
  });
  if (process.platform === 'linux')
    expect(await opened(desktop)).toBe(`${join(cli.folder, 'continued.wav')}\n`);
  const nowhere = await cli.pipe(['download', id, '--open'], { env: { PATH: '/nowhere' } });
  expect(nowhere).toMatchObject({ code: 0, stderr: expect.stringContaining('could not be opened') });
});

/** The opener is left to itself, so the command may end before it has written. */
async function opened(desktop: string): Promise<string> {
  for (;;) {
    const text = await readFile(join(desktop, 'opened'), 'utf8').catch(() => '');
    if (text.endsWith('\n')) return text;
    await delay(20);
  }
}

test('a file to go on from is sent first, as it is; one that is no WAV or not there is refused before', async () => {
  await cli.pipe(['generate', 'x', '-d', '1', '-o', 'start.wav']);
  const sent = await cli.pipe([
    'generate',
    'x',
    '-d',
    '1',
    '--continue-from',
    'start.wav',
    '--no-wait',
    '--json',
  ]);
  const { upload_id: uploadId } = JSON.parse(sent.stdout).request.continue_from;
  const kept = await readFile(join(fleet.folder, 'artifacts', uploadKey({ owner: undefined, uploadId })));
  expect(kept).toEqual(await readFile(join(cli.folder, 'start.wav')));
  await writeFile(join(cli.folder, 'notes.txt'), 'no audio');
  const refused = await Promise.all(
    ['notes.txt', 'missing.wav'].map((file) => cli.pipe(['generate', 'x', '--continue-from', file])),
  );
  expect(refused.map(({ code, stderr }) => [code, stderr])).toEqual([
    [2, expect.stringContaining('(unreadable_audio)')],
    [4, expect.stringMatching(/There is no file .*missing\.wav\. \(not_found\)/)],
  ]);
});

test('what is done so far can be had while the rest is made, where that was asked for', async () => {
  const { stdout } = await cli.pipe(['generate', 'long', '-d', '300', '--preview', '--no-wait']);
  const id = stdout.trim();
  const soFar = () => cli.pipe(['download', id, '--preview', '-o', '-']);
  let download = await soFar();
  for (; download.code !== 0; download = await soFar())
    expect(download).toMatchObject({ stdout: '', stderr: expect.stringContaining('(task_not_finished)') });
  expect(download.stderr).toMatch(/^processing/);
  expect(download.bytes.toString('latin1', 0, 4)).toBe('RIFF');
  expect(await cli.pipe(['download', id, '--preview', '-o', 'so-far.mp3'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/to end in \.mp3 and to be wav/),
  });
  await cli.pipe(['cancel', id]);
});

inTerminal('a terminal shows one line that moves, in colour unless it is not wanted', async () => {
  const args = ['generate', 'x', '-d', '3', '-n', '2', '-s', '5'];
  const { code, shown } = await cli.terminal(args);
  expect(code).toBe(0);
  expect(shown).toContain(colour);
  // Two lines up, to draw both anew.
  expect(shown).toContain('\x1b[2A');
  expect(shown).toMatch(/musicgen-5\.wav\r?\n.*musicgen-6\.wav/);
  const plain = await cli.terminal(['watch'], [], { NO_COLOR: '1' });
  expect(plain.shown).toContain('100 %  completed');
  expect(plain.shown).not.toContain(colour);
});

inTerminal('Ctrl-C asks whether to cancel, and a second one leaves the task to itself', async () => {
  const long = ['generate', 'long', '-d', '300'];
  const cancelled = await cli.terminal(long, [
    [/generating/, '\x03'],
    [/Cancel it\? \[y\/N\]/, 'y\n'],
  ]);
  expect(cancelled).toMatchObject({ code: 130, shown: expect.stringContaining('Cancelled.') });
  expect((await cli.pipe(['status'])).stdout).toMatch(/^status +(cancelled|processing)/m);

  const left = await cli.terminal(long, [
    [/waiting|generating/, '\x03'],
    [/Cancel it\? \[y\/N\]/, '\x03'],
  ]);
  expect(left.code).toBe(130);
  const { stdout } = await cli.pipe(['ls', '--limit', '1', '--json']);
  const [{ id, status }] = JSON.parse(stdout) as [Task];
  expect(['pending', 'processing']).toContain(status);
  expect((await cli.pipe(['cancel', id])).stdout).toMatch(`${id}  `);
  const watched = await cli.pipe(['watch', id]);
  expect(watched).toMatchObject({ code: 8, stderr: expect.stringContaining('(task_cancelled)') });
});

test('a task is looked at, downloaded, retried and removed', async () => {
  const { stdout } = await cli.pipe(['generate', 'calm\x1b[31m piano', '-d', '1', '-s', '9', '--no-wait']);
  const id = stdout.trim();
  expect(await cli.pipe(['watch', id])).toMatchObject({ code: 0, stdout: `${id}  completed\n` });
  const [status, list, download, piped, retry] = await Promise.all([
    cli.pipe(['status', id]),
    cli.pipe(['ls', '--status', 'completed']),
    cli.pipe(['download', id, '-o', 'got.mp3']),
    cli.pipe(['download', id, '--format', 'ogg', '-o', '-']),
    cli.pipe(['retry', id, '--no-wait']),
  ]);
  expect(status.stdout).toMatch(/^prompt +calm piano$/m);
  expect(list.stdout).toMatch(new RegExp(`^${id}  completed  NORMAL +1 s +9 +just now +calm piano$`, 'm'));
  expect(await readdir(cli.folder)).toContain('got.mp3');
  expect(download.stdout).toBe(`${join(cli.folder, 'got.mp3')}\n`);
  expect([piped.code, piped.bytes.toString('latin1', 0, 4)]).toEqual([0, 'OggS']);
  expect(retry.stdout.trim()).not.toBe(id);
  expect(await cli.pipe(['rm', id])).toMatchObject({ code: 2, stderr: expect.stringContaining('add --yes') });
  expect(await cli.pipe(['rm', id, '--yes'])).toMatchObject({ code: 0, stdout: `${id}  removed\n` });
  expect(await cli.pipe(['status', id])).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('(gone)'),
  });
});

test('whatever is refused is said in a sentence, with what to do and a code of its own', async () => {
  const atStrict = ['--url', strict.url, '--api-key', key];
  await writeFile(join(cli.folder, 'notes.txt'), 'no audio');
  await cli.pipe(['generate', 'x', '--no-wait', ...atStrict]);
  const cases: [string[], number, RegExp][] = [
    [['ls', '--url', 'http://127.0.0.1:2'], 7, /cannot be reached \(.*\)\. \(unreachable\)\nIs it running\?/],
    [['ls', '--url', strict.url], 3, /\(unauthorized\)\nGive the key in MUSICGEN_API_KEY/],
    [['ls', '--url', strict.url, '--api-key', 'wrong'], 3, /The API key is not valid\. \(unauthorized\)\n/],
    [['queue', 'pause', 'low', ...atStrict], 3, /\(forbidden\)\n/],
    [['generate', 'x', ...atStrict, '--retries', '0'], 5, /\(queue_full\)\nTry again in \d+/],
    [
      ['status', '019ac4a1-7d5e-7000-8000-5f1c7e2b9a10'],
      4,
      /There is no task with this id\. \(not_found\)\n$/,
    ],
    [['inspect', 'notes.txt'], 2, /none of WAV, FLAC, MP3 and Ogg\. \(unreadable_audio\)\n$/],
    [['generate', 'ä'.repeat(10_000)], 2, /has 10000 characters; at most 2000 are taken\./],
    [['generate', 'x', '-d', '9999'], 2, /duration.*300.*\(invalid_request\)\n$/],
    [['generate', 'x', '-o', 'no/such/folder.wav'], 2, /There is no folder .*no\/such to write into\./],
    [['generate'], 2, /Standard input held no prompt/],
    [['cancel', 'nonsense'], 2, /It must be the id of a task/],
  ];
  const outcomes = await Promise.all(cases.map(([args]) => cli.pipe(args)));
  cases.forEach(([, code, sentence], index) => {
    expect(outcomes[index]).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(sentence) });
  });
});

test('queues are paused and resumed, dead letters requeued and dropped', async () => {
  expect((await cli.pipe(['queue', 'pause', 'high'])).stdout).toBe('HIGH  paused; paused now: HIGH\n');
  expect((await cli.pipe(['queue', 'stats'])).stdout).toMatch(/^HIGH +0 .*paused$/m);
  expect((await cli.pipe(['queue', 'resume', '10'])).stdout).toMatch(/none is paused now/);
  const workers = JSON.parse((await cli.pipe(['workers', 'ls', '--json'])).stdout);
  expect(workers).toMatchObject({ total: 1, workers: [{ models: [{ id: 'musicgen-tiny' }] }] });

  const id = await leaveDeadLetter();
  expect((await cli.pipe(['dlq', 'ls'])).stdout).toMatch(
    new RegExp(`^${id}  LOW .*generation_failed: Silence`, 'm'),
  );
  expect((await cli.pipe(['dlq', 'requeue', id])).stdout).toBe(`${id}  pending\n`);
  const dropped = await cli.pipe(['dlq', 'drop', id]);
  expect(dropped).toMatchObject({ code: 4, stderr: expect.stringContaining('(not_found)') });
});

/** A task of the priority that no worker serves, taken here and failed in its only attempt. */
async function leaveDeadLetter(): Promise<string> {
  const { id } = await createClient({ baseUrl: api.url }).generate({ prompt: 'x', priority: 'LOW' });
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const consumer = createStreamsQueue({ redis: connection }).createConsumer({
    workerId: 'test',
    priorities: ['LOW'],
  });
  const claim = await consumer.claim();
  if (claim === undefined) throw new Error('there was nothing to claim');
  await consumer.fail(claim, { code: 'generation_failed', detail: 'Silence.', retryable: true });
  await consumer.close();
  connection.disconnect();
  return id;
}

inTerminal('top keeps up on a screen of its own and gives the terminal back', async () => {
  const { code, shown } = await cli.terminal(
    ['top', '--interval', '0.2'],
    [[/(healthy|degraded)[\s\S]*\1/, 'q']],
  );
  expect(code).toBe(0);
  expect(shown).toContain('\x1b[?1049h');
  expect(shown.trimEnd().endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  const once = await cli.pipe(['top']);
  expect(once.stdout).toMatch(/^tasks .*completed[\s\S]*^NORMAL[\s\S]*^worker/m);
  expect(once.stdout).not.toContain('\x1b');
});

test('keys are made, listed and revoked; a load is measured and cleared away', async () => {
  const created = await cli.pipe(['keys', 'create', 'studio', '--scope', 'generate', 'monitor']);
  expect(created.stdout).toMatch(/^mgk_\w+\n$/);
  const [made] = JSON.parse((await cli.pipe(['keys', 'ls', '--json'])).stdout);
  expect(made).toMatchObject({ name: 'studio', scopes: ['generate', 'monitor'], status: 'active' });
  expect((await cli.pipe(['keys', 'revoke', made.id, '--yes'])).stdout).toMatch(/studio {2}revoked/);

  const before = JSON.parse((await cli.pipe(['ls', '--json', '--limit', '100'])).stdout).length;
  const bench = await cli.pipe(['bench', '--tasks', '3', '--concurrency', '2', '--json']);
  expect(JSON.parse(bench.stdout)).toMatchObject({ completed: 3, not_completed: 0 });
  expect(JSON.parse((await cli.pipe(['ls', '--json', '--limit', '100'])).stdout)).toHaveLength(before);
});

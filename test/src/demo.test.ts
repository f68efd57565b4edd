import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { root } from './processes.ts';

// Installs nothing here, but builds, starts everything and makes half a minute of music.
jest.setTimeout(180_000);

let redis: RedisServer;
beforeEach(async () => {
  redis = await startRedisServer();
});
afterEach(() => redis.stop());

const bootstrap = join(root, 'apps/local/bootstrap.js');

/** The demo as npm runs it, with a Redis of its own, so that it meets nobody else's tasks. */
function runDemo(args: string[] = [], settings: Record<string, string> = {}) {
  const env = { ...process.env, REDIS_URL: redis.url, ...settings };
  return promisify(execFile)(process.execPath, [bootstrap, 'demo', ...args], { cwd: root, env });
}

/** What the header of a WAV file says. */
function describeWav(file: Buffer) {
  const [bytesPerSecond, dataBytes] = [file.readUInt32LE(28), file.readUInt32LE(40)];
  return {
    riff: file.toString('latin1', 0, 4),
    sampleRate: file.readUInt32LE(24),
    seconds: dataBytes / bytesPerSecond,
    // Behind the samples are the tags.
    isWhole: file.length === 8 + file.readUInt32LE(4) && file.length > 44 + dataBytes,
  };
}

test('the demo makes three pieces of the asked durations, the best priority first', async () => {
  const { stdout } = await runDemo();
  expect(stdout).toContain('The worker took them in this order: CRITICAL, NORMAL, LOW');
  const paths = stdout.match(/^demo\S*\.wav/gm) ?? [];
  const files = await Promise.all(paths.map((path) => readFile(join(root, path))));
  const whole = { riff: 'RIFF', sampleRate: 32_000, isWhole: true };
  expect(files.map(describeWav)).toEqual([
    { ...whole, seconds: 8 },
    { ...whole, seconds: 10 },
    { ...whole, seconds: 12 },
  ]);
});

test('the demo takes a prompt of the user', async () => {
  const { stdout } = await runDemo(['calm piano', '--duration', '2']);
  expect(stdout.match(/^demo\S*\.wav {2}2\.00 s/gm)).toHaveLength(1);
});

test.each([
  ['without any Redis', ['--in-memory'], {}, 'Tasks    in memory'],
  ['with Redis for one process', [], { USE_ADVANCED_REDIS: 'false' }, 'Redis    redis://'],
])('the demo works %s', async (_kind, args, settings, said) => {
  const { stdout } = await runDemo([...args, 'calm piano', '--duration', '1'], settings);
  expect(stdout).toContain(said);
  expect(stdout.match(/^demo\S*\.wav {2}1\.00 s/gm)).toHaveLength(1);
});

test.each([
  [['calm piano', '--duration', 'long'], '--duration takes a number'],
  [['--duration', '5'], '--duration goes with a prompt'],
])('the demo refuses %j', async (args, reason) => {
  await expect(runDemo(args)).rejects.toMatchObject({ stderr: expect.stringContaining(reason) });
});

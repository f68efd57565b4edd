import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './processes.ts';

// Installs nothing here, but builds, starts everything and makes half a minute of music.
jest.setTimeout(180_000);

const run = promisify(execFile);

/** What the header of a WAV file says. */
function describeWav(file: Buffer) {
  const [bytesPerSecond, dataBytes] = [file.readUInt32LE(28), file.readUInt32LE(40)];
  return {
    riff: file.toString('latin1', 0, 4),
    sampleRate: file.readUInt32LE(24),
    seconds: dataBytes / bytesPerSecond,
    isWhole: file.length === 44 + dataBytes,
  };
}

test('the demo makes three pieces of the asked durations, the best priority first', async () => {
  const { stdout } = await run(process.execPath, ['apps/local/bootstrap.js', 'demo'], { cwd: root });
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

test('the demo takes a prompt of the user and refuses a duration that is none', async () => {
  const own = await run(
    process.execPath,
    ['apps/local/bootstrap.js', 'demo', 'calm piano', '--duration', '2'],
    {
      cwd: root,
    },
  );
  expect(own.stdout.match(/^demo\S*\.wav {2}2\.00 s/gm)).toHaveLength(1);
  const refused = run(process.execPath, ['apps/local/bootstrap.js', 'demo', '--duration', 'long'], {
    cwd: root,
  });
  await expect(refused).rejects.toMatchObject({ stderr: expect.stringContaining('--duration') });
});

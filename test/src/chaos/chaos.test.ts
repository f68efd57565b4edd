import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('../../dist/chaos/main.js', import.meta.url));

/** What `npm run chaos` prints and how it ends. */
function runChaos(...args: string[]): Promise<{ code: unknown; printed: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [entry, ...args], { timeout: 290_000 }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, printed: stdout + stderr }),
    );
  });
}

test('sixty kills of workers and Redis break no promise of the queue', async () => {
  const { code, printed } = await runChaos('--kills', '60', '--seed', '7');
  expect(printed).not.toMatch('VIOLATION');
  expect(printed).toMatch(/^lost +0$/m);
  expect(printed).toMatch(/^accepted twice +0$/m);
  expect(printed).toMatch(/^order violations +0 of/m);
  expect(code).toBe(0);
  // Real processes on a machine that may be busy with other tests.
}, 300_000);

test('arguments that make no sense are refused', async () => {
  expect(await runChaos('--kills', 'many')).toMatchObject({ code: 2 });
});

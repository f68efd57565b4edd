import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const urlOf = (path: string) => new URL(path, import.meta.url);

/** In a process of its own: jest gives tests a copy of the environment that native code does not see. */
async function openSessionElsewhere(): Promise<string> {
  const graph = fileURLToPath(urlOf('../../../models/musicgen-tiny/onnx/text_encoder.onnx'));
  const program = `
    import { openSession } from ${JSON.stringify(urlOf('../dist/sessions.js').href)};
    await openSession({ path: ${JSON.stringify(graph)}, memory: 'return' });
    console.log(process.pid);
  `;
  const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    env,
  });
  return stdout.trim();
}

test('ONNX Runtime keeps its telemetry off, whose log file would show in the temporary folder', async () => {
  const pid = await openSessionElsewhere();
  expect(Number(pid)).toBeGreaterThan(0);
  expect(await readdir(tmpdir())).not.toContain(`mat-debug-${pid}.log`);
});

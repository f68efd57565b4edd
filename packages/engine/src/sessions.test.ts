import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Placement } from './execution-providers.ts';
import { openSession } from './sessions.ts';

const urlOf = (path: string) => new URL(path, import.meta.url);

const graph = fileURLToPath(urlOf('../../../models/musicgen-tiny/onnx/text_encoder.onnx'));
/** A provider that ONNX Runtime has on another system than this. */
const foreign = process.platform === 'darwin' ? 'dml' : 'coreml';

/** In a process of its own: jest gives tests a copy of the environment that native code does not see. */
async function openSessionElsewhere(): Promise<string> {
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

test('a graph runs with the first provider that can load it, and what was preferred in vain is told', async () => {
  const placements: Placement[] = [];
  const onPlaced = (placement: Placement) => placements.push(placement);
  const session = await openSession({ path: graph, memory: 'return', providers: [foreign, 'cpu'], onPlaced });
  await session.release();
  expect(placements).toEqual([
    {
      file: 'onnx/text_encoder.onnx',
      provider: 'cpu',
      refused: [
        { provider: foreign, reason: expect.stringMatching(/^ONNX Runtime for \S+ \S+ has only cpu/) },
      ],
    },
  ]);
});

test('without the CPU among the providers a graph does not run on it', async () => {
  await expect(openSession({ path: graph, memory: 'return', providers: [foreign] })).rejects.toMatchObject({
    code: 'model_load_failed',
    message: expect.stringContaining(
      `onnx/text_encoder.onnx can be loaded with none of the execution providers that are allowed: ${foreign} (`,
    ),
  });
});

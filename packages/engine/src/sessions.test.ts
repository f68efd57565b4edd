import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GraphBuilder } from './convert/graph-builder.ts';
import { planOnnxFiles } from './convert/onnx-file.ts';
import { writePlannedFile } from './convert/write-file.ts';
import type { Placement } from './execution-providers.ts';
import { floats, openSession, Tensor } from './sessions.ts';

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

test('a graph that takes and gives float16 is fed and read as float32', async () => {
  const g = new GraphBuilder('half');
  const x = g.input({ name: 'x', type: 'float16', shape: ['n'] });
  const doubled = g.add(g.cast(x, 'float32'), g.cast(x, 'float32'));
  g.output(g.cast(doubled, 'float16'), { name: 'y', type: 'float16', shape: ['n'] });
  const folder = await mkdtemp(join(tmpdir(), 'half-'));
  const path = join(folder, 'half.onnx');
  for (const plan of planOnnxFiles(path, g)) await writePlannedFile(plan, { onBytes: () => {} });
  const session = await openSession({ path, threads: 1, memory: 'return' });
  const outputs = await session.run({ x: new Tensor('float32', Float32Array.of(0.5, -3, 1e-7), [3]) }, ['y']);
  expect(Array.from(floats(outputs, 'y'))).toEqual([1, -6, 2 ** -22]);
  // A cache that came out goes in again as it is.
  const again = await session.run({ x: outputs.y as Tensor }, ['y']);
  expect(Array.from(floats(again, 'y'))).toEqual([2, -12, 2 ** -21]);
  await session.release();
  await rm(folder, { recursive: true });
});

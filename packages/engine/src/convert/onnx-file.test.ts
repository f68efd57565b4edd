import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { fixture, golden, maxDifference } from '../../fixtures/golden.ts';
import { idTensor, openSession } from '../sessions.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { buildCodecDecoderGraph } from './codec-graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { planOnnxFiles } from './onnx-file.ts';
import { ModelProtoSchema } from './onnx-schema/onnx_pb.ts';
import { writePlannedFile } from './write-file.ts';

let folder: string;
let checkpoint: Checkpoint;
let graph: GraphBuilder;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'onnx-file-'));
  checkpoint = await openCheckpoint(fixture('mono'));
  graph = buildCodecDecoderGraph(checkpoint);
});

afterAll(async () => {
  await checkpoint.weights.close();
  rmSync(folder, { recursive: true });
});

async function write(name: string, maxBytes?: number) {
  const plans = planOnnxFiles(join(folder, name), graph, maxBytes);
  let written = 0;
  for (const plan of plans) {
    await writePlannedFile(plan, {
      onBytes: (byteCount) => {
        written += byteCount;
      },
    });
  }
  return { plans, written };
}

async function decode(name: string) {
  const expected = golden('mono')('encodec_decode_T25');
  const codec = await openSession({ path: join(folder, name), threads: 1, memory: 'return' });
  const codes = idTensor(expected.integers('audio_codes'), expected.shape('audio_codes'));
  const { audio_values } = await codec.run({ audio_codes: codes }, ['audio_values']);
  await codec.release();
  return maxDifference(audio_values?.data as Float32Array, expected.floats('audio_values'));
}

describe('an ONNX file', () => {
  it('is exactly as long as planned and one message by the official schema', async () => {
    const { plans, written } = await write('whole.onnx');
    const bytes = readFileSync(join(folder, 'whole.onnx'));
    expect([plans.length, plans[0]?.byteLength, written]).toEqual([1, bytes.length, bytes.length]);
    const model = fromBinary(ModelProtoSchema, bytes);
    const names = model.graph?.initializer.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([...graph.weights.keys()]));
    expect(await decode('whole.onnx')).toBeLessThan(2e-5);
  });

  it('keeps weights beside it when they do not fit into one message', async () => {
    const { plans } = await write('split.onnx', 100_000);
    expect(plans.map(({ path }) => path)).toEqual([
      join(folder, 'split.onnx'),
      join(folder, 'split.onnx_data'),
    ]);
    for (const { path, byteLength } of plans) expect(readFileSync(path).length).toBe(byteLength);
    expect(await decode('split.onnx')).toBeLessThan(2e-5);
  });

  it('stops between two weights when aborted', async () => {
    const [plan] = planOnnxFiles(join(folder, 'aborted.onnx'), graph);
    const stop = new AbortController();
    const writing = writePlannedFile(plan as NonNullable<typeof plan>, {
      onBytes: () => stop.abort(new Error('enough')),
      signal: stop.signal,
    });
    await expect(writing).rejects.toThrow('enough');
  });
});

import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeWav } from '@musicgen/audio';
import { convertCheckpoint } from '@musicgen/engine';
import { root } from './processes.ts';

/** The golden model with its codec's encoder, which published folders, and ours, seldom have; made below a folder. */
export async function modelWithEncoder(below: string): Promise<string> {
  const folder = join(below, 'model');
  const converted = join(below, 'converted');
  await cp(join(root, 'models/musicgen-tiny'), folder, { recursive: true });
  await convertCheckpoint({
    source: join(root, 'packages/engine/fixtures/mono'),
    target: converted,
    layout: 'standard',
    precision: 'fp32',
  });
  const encoder = 'onnx/encodec_encode.onnx';
  await cp(join(converted, encoder), join(folder, encoder));
  return folder;
}

/** A WAV file of so many seconds as another program records them. */
export function recording(seconds: number): Buffer<ArrayBuffer> {
  const tone = Float32Array.from({ length: seconds * 44_100 }, (_, index) => Math.sin(index / 20) / 2);
  return Buffer.from(encodeWav([tone, tone], 44_100).file);
}

import { type FileHandle, open } from 'node:fs/promises';
import type { FilePlan } from './onnx-file.ts';

export interface WriteFileOptions {
  readonly onBytes: (byteCount: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Writes a planned file; at most one weight is in memory at a time. */
export async function writePlannedFile(plan: FilePlan, { onBytes, signal }: WriteFileOptions): Promise<void> {
  const file = await open(plan.path, 'wx');
  try {
    for (const part of plan.parts) {
      signal?.throwIfAborted();
      const bytes = 'load' in part ? bytesOf(await part.load()) : part;
      await writeAll(file, bytes);
      onBytes(bytes.length);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

function bytesOf(values: Float32Array | Uint8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The operating system may cut a single write short. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
}

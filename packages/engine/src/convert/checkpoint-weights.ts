import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { broken, readJsonObject } from '../json-file.ts';
import { floatDecoder } from './float-formats.ts';
import { openSafetensors, type SafetensorsFile } from './safetensors.ts';

/** A float32 tensor that is known now and read later, so that only one is in memory at a time. */
export interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  /** The values in C order, freshly read; the caller may change them. */
  load(): Promise<Float32Array<ArrayBuffer>>;
}

/** A tensor of bytes, such as the packed numbers of a quantised matrix. */
export interface ByteWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: 'uint8';
  load(): Promise<Uint8Array<ArrayBuffer>>;
}

/** What a graph file can store. */
export type StoredWeight = (Weight & { readonly type?: undefined }) | ByteWeight;

export interface CheckpointWeights {
  has(name: string): boolean;
  /** @throws ServiceError `model_load_failed` when the tensor is missing, has another shape or is not floating point */
  get(name: string, shape: readonly number[]): Weight;
  close(): Promise<void>;
}

const indexName = 'model.safetensors.index.json';
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens the weights of a Hugging Face folder: `model.safetensors`, or the shards that
 * `model.safetensors.index.json` names. float16 and bfloat16 tensors are widened to float32.
 * @throws ServiceError `model_load_failed` naming the file and the tensor
 */
export async function openCheckpointWeights(folder: string): Promise<CheckpointWeights> {
  const files = await openAll(folder, await listWeightFiles(folder));
  const fileOf = new Map<string, SafetensorsFile>();
  for (const file of files) for (const name of file.entries.keys()) fileOf.set(name, file);
  return {
    has: (name) => fileOf.has(name),
    get: (name, shape) => {
      const file = fileOf.get(name);
      if (!file) throw broken(files.map((each) => each.name).join(', '), `has no tensor ${name}`);
      return weightIn(file, name, shape);
    },
    close: async () => {
      await Promise.all(files.map((file) => file.close()));
    },
  };
}

function weightIn(file: SafetensorsFile, name: string, shape: readonly number[]): Weight {
  const entry = file.entries.get(name);
  if (entry?.shape.join() !== shape.join()) {
    throw broken(file.name, `has tensor ${name} with shape [${entry?.shape}], expected [${shape}]`);
  }
  const decode = floatDecoder(entry.dtype);
  if (!decode) throw broken(file.name, `has tensor ${name} as ${entry.dtype}, expected F32, F16 or BF16`);
  return {
    name,
    shape,
    load: async () => {
      const values = decode(await file.readBytes(name));
      const bad = findNonFinite(values);
      if (bad >= 0) throw broken(file.name, `has ${values[bad]} in tensor ${name}, at element ${bad}`);
      return values;
    },
  };
}

/** A plain loop: a checkpoint has billions of values, and a callback for each takes several times as long. */
function findNonFinite(values: Float32Array): number {
  for (let index = 0; index < values.length; index++) {
    if (!Number.isFinite(values[index])) return index;
  }
  return -1;
}

async function listWeightFiles(folder: string): Promise<string[]> {
  const present = new Set(await readdir(folder));
  if (present.has('model.safetensors')) return ['model.safetensors'];
  if (present.has(indexName)) return await listShards(folder, present);
  const isPickled = present.has('pytorch_model.bin') || present.has('pytorch_model.bin.index.json');
  throw broken(
    'model.safetensors',
    isPickled
      ? `is missing in ${folder}, which has only pytorch_model.bin; save the checkpoint as safetensors first`
      : `is missing in ${folder}`,
  );
}

async function listShards(folder: string, present: ReadonlySet<string>): Promise<string[]> {
  const index = indexSchema.safeParse(await readJsonObject(folder, indexName));
  if (!index.success) throw broken(indexName, 'has no weight_map of tensor and file names', index.error);
  const shards = new Set(Object.values(index.data.weight_map));
  for (const shard of shards) {
    // Only names that are in the folder: the index comes from outside and must not make us read files elsewhere.
    if (!present.has(shard)) throw broken(indexName, `names ${shard}, which is missing in ${folder}`);
  }
  return [...shards];
}

/** Opens every file, or none. */
async function openAll(folder: string, names: readonly string[]): Promise<SafetensorsFile[]> {
  const opened: SafetensorsFile[] = [];
  try {
    for (const name of names) opened.push(await openSafetensors(join(folder, name)));
    return opened;
  } catch (error) {
    await Promise.all(opened.map((file) => file.close()));
    throw error;
  }
}

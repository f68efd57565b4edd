import { access, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ServiceError } from '@musicgen/contract';
import { z } from 'zod';
import { decodeFloats } from './float-formats.ts';
import { openSafetensors, type SafetensorsFile } from './safetensors.ts';

/** A float32 tensor that is known now and read later, so that only one is in memory at a time. */
export interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  /** The values in C order, freshly read; the caller may change them. */
  load(): Promise<Float32Array<ArrayBuffer>>;
}

export interface CheckpointWeights {
  has(name: string): boolean;
  /** @throws ServiceError `model_load_failed` when the tensor is missing, has another shape or is not floating point */
  get(name: string, shape: readonly number[]): Weight;
  close(): Promise<void>;
}

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
      if (!file) {
        throw invalid(`${files.map((each) => each.name).join(', ')} has no tensor ${name}.`);
      }
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
    throw invalid(`${file.name} has tensor ${name} with shape [${entry?.shape}], expected [${shape}].`);
  }
  if (decodeFloats(entry.dtype, new Uint8Array()) === undefined) {
    throw invalid(`${file.name} has tensor ${name} as ${entry.dtype}, expected F32, F16 or BF16.`);
  }
  return {
    name,
    shape,
    load: async () => {
      const values = decodeFloats(entry.dtype, await file.readBytes(name)) ?? new Float32Array();
      const bad = values.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) throw invalid(`${file.name} has ${values[bad]} in tensor ${name}, at element ${bad}.`);
      return values;
    },
  };
}

async function listWeightFiles(folder: string): Promise<string[]> {
  if (await exists(join(folder, 'model.safetensors'))) return ['model.safetensors'];
  const indexName = 'model.safetensors.index.json';
  if (!(await exists(join(folder, indexName)))) throw invalid(await explainMissingWeights(folder));
  const text = await readFile(join(folder, indexName), 'utf8');
  const shards = new Set(Object.values(parseIndex(indexName, text).weight_map));
  for (const shard of shards) {
    // The index comes from outside: it must not make us read files elsewhere.
    if (shard !== basename(shard)) throw invalid(`${indexName} names ${shard}, which is not in its folder.`);
    if (!(await exists(join(folder, shard)))) throw invalid(`${shard}, named by ${indexName}, is missing.`);
  }
  return [...shards];
}

function parseIndex(indexName: string, text: string) {
  try {
    return indexSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw invalid(`${indexName} is not a safetensors index.`, cause);
  }
}

async function explainMissingWeights(folder: string): Promise<string> {
  const pickle = 'pytorch_model.bin';
  const hasPickle =
    (await exists(join(folder, pickle))) || (await exists(join(folder, `${pickle}.index.json`)));
  return hasPickle
    ? `${folder} has its weights only as ${pickle}; save them as safetensors first.`
    : `${folder} has no model.safetensors.`;
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

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

function invalid(message: string, cause?: unknown) {
  return new ServiceError('model_load_failed', message, { cause });
}

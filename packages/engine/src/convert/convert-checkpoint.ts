import { randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ServiceError } from '@musicgen/contract';
import { readCheckpointConfig } from './checkpoint-config.ts';
import { openCheckpointWeights } from './checkpoint-weights.ts';
import { buildCodecDecoderGraph } from './codec-graph.ts';
import { buildMergedDecoderGraph } from './decoder-graph.ts';
import { type OnnxFilePlan, planOnnxFile, writeOnnxFile } from './onnx-file.ts';
import { buildTextEncoderGraph } from './text-encoder-graph.ts';

/** What a model folder holds besides the graphs; each is copied when it is there. */
const companionFiles = [
  'config.json',
  'generation_config.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'spiece.model',
];

export interface ConversionProgress {
  /** The file being written, such as `onnx/text_encoder.onnx`. */
  readonly file: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface ConvertCheckpointOptions {
  /** A Hugging Face MusicGen folder with `config.json` and safetensors weights. */
  readonly from: string;
  /** The folder to make; it must not exist yet. */
  readonly to: string;
  readonly onProgress?: (progress: ConversionProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Converts a MusicGen checkpoint, mono or stereo, into the float32 ONNX layout that Optimum exports and transformers.js
 * loads: `onnx/text_encoder.onnx`, `onnx/decoder_model_merged.onnx`, `onnx/encodec_decode.onnx`, and the JSON files.
 * Memory stays near the size of the largest tensor. The folder appears complete or not at all.
 * @throws ServiceError `model_load_failed` when the checkpoint is damaged or of another architecture,
 * `storage_failed` when the folder exists or the disk is full; the signal's reason when aborted
 */
export async function convertCheckpoint(options: ConvertCheckpointOptions): Promise<void> {
  const { from, onProgress, signal } = options;
  const to = resolve(options.to);
  if (await exists(to)) throw new ServiceError('storage_failed', `${to} already exists.`);
  const config = await readCheckpointConfig(from);
  const weights = await openCheckpointWeights(from);
  try {
    const checkpoint = { config, weights };
    const plans = new Map<string, OnnxFilePlan>();
    const graphs = [
      buildTextEncoderGraph({ config: config.text_encoder, weights }),
      buildMergedDecoderGraph(checkpoint),
      buildCodecDecoderGraph(checkpoint),
    ];
    for (const graph of graphs) {
      const file = `onnx/${graph.name}.onnx`;
      plans.set(file, planOnnxFile(file, graph));
    }
    await writeFolder(to, async (folder) => {
      await checkFreeSpace(folder, plans);
      await writeGraphs({ folder, plans, onProgress, signal });
      await copyCompanions(from, folder);
    });
  } finally {
    await weights.close();
  }
}

/** Fills a hidden folder beside the target and moves it into place, or removes it when filling fails. */
async function writeFolder(target: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const temporary = await inStorage(async () => {
    await mkdir(dirname(target), { recursive: true });
    // mkdtemp would give a folder that only its owner can read, and the worker may be another user.
    const folder = join(dirname(target), `.${basename(target)}-${randomUUID()}`);
    await mkdir(folder);
    return folder;
  });
  try {
    await inStorage(async () => {
      await fill(temporary);
      await rename(temporary, target);
    });
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

async function writeGraphs(job: {
  folder: string;
  plans: ReadonlyMap<string, OnnxFilePlan>;
  onProgress: ConvertCheckpointOptions['onProgress'];
  signal: AbortSignal | undefined;
}): Promise<void> {
  const { folder, plans, onProgress, signal } = job;
  const bytesTotal = totalBytes(plans);
  let bytesDone = 0;
  await mkdir(join(folder, 'onnx'));
  for (const [file, plan] of plans) {
    const onBytes = (byteCount: number) => {
      bytesDone += byteCount;
      onProgress?.({ file, bytesDone, bytesTotal });
    };
    await writeOnnxFile({ path: join(folder, file), plan, onBytes, signal });
  }
}

async function copyCompanions(from: string, folder: string): Promise<void> {
  const present = new Set(await readdir(from));
  for (const name of companionFiles.filter((file) => present.has(file))) {
    await writeFile(join(folder, name), await readFile(join(from, name)));
  }
}

/** Better to refuse now than after minutes of writing. */
async function checkFreeSpace(folder: string, plans: ReadonlyMap<string, OnnxFilePlan>): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const [needed, free] = [totalBytes(plans), bavail * bsize];
  if (needed <= free) return;
  throw new ServiceError(
    'storage_failed',
    `The converted model takes ${megabytes(needed)} MB, but only ${megabytes(free)} MB are free beside ${folder}.`,
  );
}

function totalBytes(plans: ReadonlyMap<string, OnnxFilePlan>): number {
  return [...plans.values()].reduce((sum, plan) => sum + plan.byteLength, 0);
}

function megabytes(byteCount: number): string {
  return (byteCount / 1e6).toFixed(0);
}

/** Runs what touches the disk; a failure of the file system becomes `storage_failed`. */
async function inStorage<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new ServiceError('storage_failed', `The converted model could not be written: ${error.message}.`, {
      cause: error,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

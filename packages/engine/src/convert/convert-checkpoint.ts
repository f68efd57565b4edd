import { randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { ServiceError } from '@musicgen/contract';
import type { ModelLayout } from '../graph-files.ts';
import { loadTokenizer } from '../tokenizer.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { buildCodecEncoderGraph } from './codec-encoder-graph.ts';
import { buildCodecDecoderGraph, buildFastCodecGraph } from './codec-graph.ts';
import { buildMergedDecoderGraph } from './decoder-graph.ts';
import { buildFastDecoderGraph, buildFastTextGraph } from './fast-decoder-graph.ts';
import type { GraphBuilder, ModelPrecision } from './graph-builder.ts';
import { planOnnxFiles } from './onnx-file.ts';
import { buildTextEncoderGraph } from './text-encoder-graph.ts';
import { writePlannedFile } from './write-file.ts';

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
  /** Bytes. */
  readonly done: number;
  readonly total: number;
  /** The file being written, such as `onnx/text_encoder.onnx`. */
  readonly name: string;
}

export interface ConvertCheckpointOptions {
  /** A Hugging Face MusicGen folder with `config.json` and safetensors weights. */
  readonly source: string;
  /** The folder to make; it must not exist yet. */
  readonly target: string;
  readonly layout: ModelLayout;
  readonly precision: ModelPrecision;
  readonly onProgress?: (progress: ConversionProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Converts a MusicGen checkpoint, mono or stereo, into a model folder with ONNX graphs: text encoder, decoder, codec both
 * ways, and the JSON files. Both decoders are ours (`decoder_fast`, `decoder_fast_text`, `encodec_decode_fast`) or those that
 * Optimum exports and transformers.js loads (`decoder_model_merged`, `encodec_decode`); a name says its precision as
 * transformers.js does, `_int8` or `_q4`. Quantised are the matrices of the decoder and, to 8 bits, of the text encoder; embeddings, norms and the codec
 * stay float32. Memory stays near the size of the largest tensor. The folder appears complete or not at all.
 * @throws ServiceError `model_load_failed` when the checkpoint is damaged or of another architecture,
 * `storage_failed` when the folder exists or the disk is full; the signal's reason when it aborts
 */
export async function convertCheckpoint(options: ConvertCheckpointOptions): Promise<void> {
  const target = resolve(options.target);
  if (await exists(target)) throw new ServiceError('storage_failed', `${target} already exists`);
  const checkpoint = await openCheckpoint(options.source);
  try {
    await checkTokenizer(options.source, checkpoint);
    // All graphs are built before anything is written: a missing or misshapen tensor shows at once.
    const graphs = [
      // 4 bits would save it little time, as it runs once a piece.
      buildTextEncoderGraph(checkpoint, options.precision === 'fp32' ? 'fp32' : 'int8'),
      ...buildGraphsOfLayout(checkpoint, options),
      buildCodecEncoderGraph(checkpoint),
    ];
    await createFolder(target, (folder) => fillFolder(folder, graphs, options));
  } finally {
    await checkpoint.weights.close();
  }
}

function buildGraphsOfLayout(
  checkpoint: Checkpoint,
  { layout, precision }: Pick<ConvertCheckpointOptions, 'layout' | 'precision'>,
): GraphBuilder[] {
  switch (layout) {
    case 'fast':
      return [
        buildFastDecoderGraph(checkpoint, precision),
        buildFastTextGraph(checkpoint, precision),
        buildFastCodecGraph(checkpoint),
      ];
    case 'standard':
      return [buildMergedDecoderGraph(checkpoint, precision), buildCodecDecoderGraph(checkpoint)];
    default:
      return layout satisfies never;
  }
}

/** One that does not fit the text encoder must not cost minutes of writing first. A folder may come without any. */
async function checkTokenizer(source: string, { config }: Checkpoint): Promise<void> {
  if (!(await exists(join(source, 'tokenizer.json')))) return;
  await loadTokenizer(source, config.text_encoder.vocab_size);
}

/** What transformers.js calls a graph of that precision. */
const graphSuffixes: Record<ModelPrecision, string> = {
  fp32: '',
  int8: '_int8',
  int4: '_q4',
  'int4-g128': '_q4',
};

/**
 * Weights beside their graph are mapped into memory instead of being copied: a model loads two to three times as fast and
 * takes a fifth to a third less memory. transformers.js looks for such files only where config.json says so.
 */
const largestFile: Record<ModelLayout, number | undefined> = { fast: 0, standard: undefined };

/** Fills a hidden folder beside the target and moves it into place, or removes it when filling fails. */
async function createFolder(target: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(target), `.${basename(target)}-${randomUUID()}`);
  try {
    await mkdir(temporary, { recursive: true });
    await fill(temporary);
    await rename(temporary, target);
  } catch (error) {
    // When removing fails too, what failed first is what there is to tell.
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw isFileSystemError(error) ? couldNotWrite(error) : error;
  }
}

async function fillFolder(
  folder: string,
  graphs: readonly GraphBuilder[],
  { source, layout, onProgress, signal }: ConvertCheckpointOptions,
): Promise<void> {
  const plans = graphs.flatMap((graph) => {
    const file = `${graph.name}${graphSuffixes[graph.precision]}.onnx`;
    return planOnnxFiles(join(folder, 'onnx', file), graph, largestFile[layout]);
  });
  const total = plans.reduce((sum, plan) => sum + plan.byteLength, 0);
  await checkFreeSpace(folder, total);
  await copyCompanions(source, folder);
  await mkdir(join(folder, 'onnx'));
  let done = 0;
  for (const plan of plans) {
    const onBytes = (byteCount: number) => {
      done += byteCount;
      onProgress?.({ done, total, name: relative(folder, plan.path) });
    };
    await writePlannedFile(plan, { onBytes, signal });
  }
}

/** Better to refuse now than after minutes of writing. */
async function checkFreeSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (neededBytes <= freeBytes) return;
  throw new ServiceError(
    'storage_failed',
    `The converted model takes ${megabytes(neededBytes)}, but ${dirname(folder)} has only ${megabytes(freeBytes)} free`,
  );
}

/** Read and written rather than copied, because a copy would inherit a read-only mode. */
async function copyCompanions(source: string, folder: string): Promise<void> {
  const present = new Set(await readdir(source));
  for (const name of companionFiles.filter((file) => present.has(file))) {
    await writeFile(join(folder, name), await readFile(join(source, name)));
  }
}

function isFileSystemError(error: unknown): error is NodeJS.ErrnoException {
  return typeof error === 'object' && error !== null && 'syscall' in error;
}

function couldNotWrite(error: NodeJS.ErrnoException) {
  return new ServiceError('storage_failed', `The converted model could not be written: ${error.message}`, {
    cause: error,
  });
}

function megabytes(byteCount: number): string {
  return `${(byteCount / 1e6).toFixed(0)} MB`;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

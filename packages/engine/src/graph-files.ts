import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { broken } from './json-file.ts';

/** The graphs of a folder: ours, or those that Optimum exports and transformers.js loads. */
export type ModelLayout = 'fast' | 'standard';

/** Paths of a model's graphs. */
export interface GraphFiles {
  textEncoder: string;
  /** `decoder_fast`, or `decoder_model_merged` of the standard layout. */
  decoder: string;
  /** `decoder_fast_text`, which only the fast layout has. */
  decoderText?: string;
  /** `encodec_decode_fast` of our layout, or `encodec_decode`. */
  codec: string;
  /** `encodec_encode`, which a folder need not have: only audio from elsewhere takes it. */
  codecEncoder?: string;
}

/** The precisions of transformers.js; those that a processor has to widen before it computes come last. */
const graphSuffixes = ['', '_quantized', '_int8', '_uint8', '_q4', '_bnb4', '_fp16', '_q4f16'];

/**
 * Finds the graphs of a model folder, each in the best precision that it has.
 * @throws ServiceError `model_load_failed` naming the one that is missing or empty
 */
export async function findGraphs(folder: string): Promise<GraphFiles> {
  return {
    textEncoder: await findGraph(folder, 'text_encoder'),
    ...(await findDecoder(folder)),
    codec: (await lookForGraph(folder, 'encodec_decode_fast')) ?? (await findGraph(folder, 'encodec_decode')),
    codecEncoder: await lookForGraph(folder, 'encodec_encode'),
  };
}

export function layoutOf({ decoderText }: GraphFiles): ModelLayout {
  return decoderText === undefined ? 'standard' : 'fast';
}

/** Whether a codec is ours, whose LSTM goes on where it was left. */
export function isFastCodec(path: string): boolean {
  return basename(path).startsWith('encodec_decode_fast');
}

/** What the ending of the decoder's file name says of its precision. */
export function precisionOf({ decoder }: GraphFiles): string {
  const [, suffix = ''] = /(?:merged|fast)(?:_(\w+))?\.onnx$/.exec(decoder) ?? [];
  const names: Record<string, string> = { '': 'fp32', quantized: 'int8', q4: 'int4', bnb4: 'int4' };
  return names[suffix] ?? suffix;
}

/** A folder may hold both layouts; the fast one is taken. */
async function findDecoder(folder: string): Promise<Pick<GraphFiles, 'decoder' | 'decoderText'>> {
  const fast = await lookForGraph(folder, 'decoder_fast');
  if (fast === undefined) return { decoder: await findGraph(folder, 'decoder_model_merged') };
  return {
    decoder: fast,
    decoderText: await findGraph(folder, 'decoder_fast_text'),
  };
}

async function findGraph(folder: string, name: string): Promise<string> {
  const path = await lookForGraph(folder, name);
  if (path === undefined) throw broken(`onnx/${name}.onnx`, `is missing in ${folder}`);
  return path;
}

async function lookForGraph(folder: string, name: string): Promise<string | undefined> {
  for (const suffix of graphSuffixes) {
    const path = join(folder, 'onnx', `${name}${suffix}.onnx`);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) continue;
    if (found.size === 0) throw broken(`onnx/${name}${suffix}.onnx`, 'is empty (0 bytes)');
    return path;
  }
  return undefined;
}

/** The same graph in the other precisions that its folder has, best first. */
export async function otherPrecisions(path: string): Promise<string[]> {
  const name = basename(path, '.onnx');
  // The longest that fits: every name ends with the empty suffix.
  const suffix = graphSuffixes
    .filter((each) => name.endsWith(each))
    .reduce((a, b) => (b.length > a.length ? b : a));
  const stem = name.slice(0, name.length - suffix.length);
  const present = new Set(await readdir(dirname(path)));
  return graphSuffixes
    .map((each) => `${stem}${each}.onnx`)
    .filter((file) => file !== basename(path) && present.has(file))
    .map((file) => join(dirname(path), file));
}

/** Bytes of a graph and of the external data files beside it (`<graph>_data`, `<graph>_data_1`, …). */
export async function weightBytes(path: string): Promise<number> {
  const files = (await readdir(dirname(path))).filter((file) => file.startsWith(basename(path)));
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(dirname(path), file))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Bytes of all graphs of a model. */
export async function weightBytesOf(graphs: GraphFiles): Promise<number> {
  const paths = Object.values(graphs).filter((path) => path !== undefined);
  const sizes = await Promise.all(paths.map(weightBytes));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Node, ONNX Runtime and the tokenizer, without any weights. */
const processBytes = 120 * 2 ** 20;
/** ONNX Runtime packs matrices for the processor and keeps both: measured 1.3 for musicgen-small in int8, 1.6 in fp32. */
const loadedShare = 1.6;

/** What the process of a model is likely to take; to be replaced by what it takes once it is loaded. */
export function estimateMemoryBytes(weightBytes: number): number {
  return processBytes + loadedShare * weightBytes;
}

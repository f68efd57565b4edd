import { ServiceError } from '@musicgen/contract';
import type { RemoteFile, RemoteRepository } from './hub.ts';

export const precisions = ['fp32', 'int8', 'int4', 'int4-g128'] as const;
export type Precision = (typeof precisions)[number];

/** What to take of a repository. */
export interface Selection {
  /** `checkpoint`: safetensors weights, still to be converted; `onnx`: graphs that are used as they are. */
  kind: 'checkpoint' | 'onnx';
  /** Config and tokenizer: small, and enough to see whether the rest is worth downloading. */
  descriptions: RemoteFile[];
  weights: RemoteFile[];
}

/** Only files with these names are taken, so none of a repository's names can lead out of the folder. */
const descriptionNames = new Set([
  'config.json',
  'generation_config.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'spiece.model',
]);
const requiredNames = ['config.json', 'generation_config.json', 'tokenizer.json'];
const shardName = /^model-\d{5}-of-\d{5}\.safetensors$/;
const indexName = 'model.safetensors.index.json';

/** The endings that transformers.js gives to graphs of a precision, best first; of `int4-g128` there are no ready graphs. */
const suffixes: Record<Precision, string[]> = {
  fp32: [''],
  int8: ['_quantized', '_int8', '_uint8'],
  int4: ['_q4', '_bnb4'],
  'int4-g128': [],
};

/**
 * Chooses the files of a repository: its safetensors weights, or, where it has none, its ONNX graphs in the precision.
 * @throws ServiceError `model_load_failed` when there is neither, or the config or tokenizer is missing
 */
export function selectFiles({ name, files }: RemoteRepository, precision: Precision): Selection {
  const descriptions = files.filter(({ path }) => descriptionNames.has(path));
  const missing = requiredNames.find((required) => !descriptions.some(({ path }) => path === required));
  if (missing !== undefined) throw new ServiceError('model_load_failed', `${name} has no ${missing}`);
  const checkpoint = selectCheckpoint(files);
  if (checkpoint.length > 0) return { kind: 'checkpoint', descriptions, weights: checkpoint };
  if (files.some(({ path }) => path.startsWith('onnx/decoder_model_merged'))) {
    return { kind: 'onnx', descriptions, weights: selectGraphs(name, files, precision) };
  }
  throw new ServiceError(
    'model_load_failed',
    `${name} has neither model.safetensors nor onnx/decoder_model_merged.onnx`,
  );
}

function selectCheckpoint(files: RemoteFile[]): RemoteFile[] {
  const whole = files.filter(({ path }) => path === 'model.safetensors');
  if (whole.length > 0) return whole;
  const shards = files.filter(({ path }) => shardName.test(path));
  return shards.length > 0 ? [...files.filter(({ path }) => path === indexName), ...shards] : [];
}

/**
 * The decoder decides what a model costs and how it sounds, so it must come in the precision that was asked for; the
 * text encoder is taken as close to it as there is; the codec in fp32 where there is one, as it loses most by rounding.
 */
function selectGraphs(name: string, files: RemoteFile[], precision: Precision): RemoteFile[] {
  const { fp32, int8 } = suffixes;
  if (suffixes[precision].length === 0) {
    throw new ServiceError(
      'model_load_failed',
      `${name} has only ready graphs, and ${precision} is made of a checkpoint; choose another precision`,
    );
  }
  return [
    ...selectGraph(name, files, { graph: 'decoder_model_merged', endings: suffixes[precision] }),
    ...selectGraph(name, files, {
      graph: 'text_encoder',
      endings: [...suffixes[precision], ...int8, ...fp32],
    }),
    ...selectGraph(name, files, { graph: 'encodec_decode', endings: [...fp32, ...int8] }),
  ];
}

function selectGraph(
  name: string,
  files: RemoteFile[],
  { graph, endings }: { graph: string; endings: string[] },
): RemoteFile[] {
  const paths = new Set(files.map(({ path }) => path));
  const ending = endings.find((each) => paths.has(`onnx/${graph}${each}.onnx`));
  if (ending === undefined) {
    const present = [...paths].filter((path) => path.startsWith(`onnx/${graph}`)).join(', ') || 'nothing';
    const wanted = endings.map((each) => `onnx/${graph}${each}.onnx`).join(' or ');
    throw new ServiceError('model_load_failed', `${name} has no ${wanted}; of this graph it has ${present}`);
  }
  const graphName = `onnx/${graph}${ending}.onnx`;
  // Weights beyond 2 GB lie beside their graph: `<graph>_data`, `<graph>_data_1`, …
  const external = new RegExp(`^${graphName.replaceAll('.', '\\.')}_data(_\\d{1,3})?$`);
  return files.filter(({ path }) => path === graphName || external.test(path));
}

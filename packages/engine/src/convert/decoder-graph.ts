import { causalBias, maskBias } from './attention-graph.ts';
import type { Checkpoint } from './checkpoint.ts';
import {
  decode,
  headsOf,
  type KeyValue,
  projectEncoderStates,
  projectKeyValue,
  splitCodebooks,
} from './decoder-layers.ts';
import { GraphBuilder, type ModelPrecision, type TensorType, type Value } from './graph-builder.ts';
import { positionTable } from './position-table.ts';

interface DecoderInputs {
  readonly mask: Value; // int64 [B, S]
  readonly ids: Value; // int64 [B·K, columns], row b·K + k
  readonly encoderStates: Value; // [B, S, d_model]
  readonly pasts: readonly { readonly self: KeyValue; readonly cross: KeyValue }[]; // per layer [B, heads, P | S, size]
}

/**
 * The decoder in Optimum's merged layout, which transformers.js uses: one If on `use_cache_branch`, weights stored once.
 * Without the cache any number of columns goes in and all keys and values come out; with it exactly one column, and the
 * encoder's keys and values, which never change, come out as empty [0, heads, 1, size].
 * Outputs: logits [B·K, columns, vocab], then present.N.{decoder,encoder}.{key,value}.
 */
export function buildMergedDecoderGraph(checkpoint: Checkpoint, precision: ModelPrecision): GraphBuilder {
  const g = new GraphBuilder('decoder_model_merged', precision);
  const inputs = declareInputs(g, checkpoint);
  const useCache = g.input({ name: 'use_cache_branch', type: 'bool', shape: [1] });
  const outputs = outputTypes(checkpoint);
  g.node({
    op: 'If',
    inputs: [useCache],
    outputs: outputs.map(({ name }) => name),
    attributes: {
      then_branch: { graph: buildCachedBranch(g.branch('cached'), checkpoint, inputs) },
      else_branch: { graph: buildPrefillBranch(g.branch('prefill'), checkpoint, inputs) },
    },
  });
  for (const output of outputs) g.output(output.name, output);
  return g;
}

/** All columns from position 0 on, each attending to itself and the earlier ones. */
function buildPrefillBranch(g: GraphBuilder, checkpoint: Checkpoint, inputs: DecoderInputs): GraphBuilder {
  const encoded = projectEncoderStates(g, checkpoint, { states: inputs.encoderStates, mask: inputs.mask });
  const columns = g.sizeOf(inputs.ids, 1); // [1]
  const { logits, layers } = decode(g, checkpoint, {
    ids: splitCodebooks(g, checkpoint, { ids: inputs.ids, columns }),
    columns,
    positions: g.slice(g.weight(positionTable(checkpoint)), { start: g.int64([0]), end: columns, axis: 0 }),
    selfBias: causalBias(g, columns),
    crossBias: maskBias(g, inputs.mask),
    selfKeyValue: (_layer, now) => now,
    crossKeyValue: (_layer, name) => projectKeyValue(g, checkpoint, { x: encoded, name }),
  });
  const presents = layers.flatMap(({ self, cross }) => [self.key, self.value, cross.key, cross.value]);
  return returning(g, checkpoint, [logits, ...presents]);
}

/** One column at position P, the length of the cache. */
function buildCachedBranch(g: GraphBuilder, checkpoint: Checkpoint, inputs: DecoderInputs): GraphBuilder {
  const heads = headsOf(checkpoint);
  const columns = g.int64([1]);
  const position = g.sizeOf(pastOf(inputs, 0).self.key, 2); // [1]
  const { logits, layers } = decode(g, checkpoint, {
    // More than one column fails here as a batch that does not fit the cache, rather than giving wrong logits.
    ids: splitCodebooks(g, checkpoint, { ids: inputs.ids, columns }),
    columns,
    positions: g.gather(g.weight(positionTable(checkpoint)), position), // [1, H]
    crossBias: maskBias(g, inputs.mask),
    selfKeyValue: (layer, now) => {
      const past = pastOf(inputs, layer).self;
      return { key: g.concat([past.key, now.key], 2), value: g.concat([past.value, now.value], 2) };
    },
    crossKeyValue: (layer) => pastOf(inputs, layer).cross,
  });
  // Each its own node: a branch may return neither one value twice nor a constant of its own.
  const unchanged = () => g.op('Identity', [g.empty([0, heads.count, 1, heads.size])]);
  const presents = layers.flatMap(({ self }) => [self.key, self.value, unchanged(), unchanged()]);
  return returning(g, checkpoint, [logits, ...presents]);
}

function pastOf(inputs: DecoderInputs, layer: number) {
  const past = inputs.pasts[layer];
  if (!past) throw new RangeError(`There is no cache for layer ${layer}.`);
  return past;
}

/** The input names, their order and the names of their dimensions are Optimum's. */
function declareInputs(g: GraphBuilder, checkpoint: Checkpoint): DecoderInputs {
  const { text_encoder, decoder: config } = checkpoint.config;
  const text = 'encoder_sequence_length';
  const mask = g.input({ name: 'encoder_attention_mask', type: 'int64', shape: ['batch_size', text] });
  const idShape = ['total_batch_size_x_num_codebooks', 'decoder_sequence_length'];
  const ids = g.input({ name: 'input_ids', type: 'int64', shape: idShape });
  const stateShape = ['total_batch_size', text, text_encoder.d_model];
  const encoderStates = g.input({ name: 'encoder_hidden_states', type: 'float32', shape: stateShape });
  const heads = headsOf(checkpoint);
  const cache = (name: string, length: string): KeyValue => {
    const shape = ['batch_size', heads.count, length, heads.size];
    const part = (suffix: string) => g.input({ name: `${name}.${suffix}`, type: 'float32', shape });
    return { key: part('key'), value: part('value') };
  };
  const pasts = Array.from({ length: config.num_hidden_layers }, (_, layer) => ({
    self: cache(`past_key_values.${layer}.decoder`, 'past_decoder_sequence_length'),
    cross: cache(`past_key_values.${layer}.encoder`, text),
  }));
  return { mask, ids, encoderStates, pasts };
}

function outputTypes(checkpoint: Checkpoint): TensorType[] {
  const { vocab_size, num_hidden_layers } = checkpoint.config.decoder;
  const heads = headsOf(checkpoint);
  const cache = (name: string, length: string) =>
    ['key', 'value'].map((part) => ({
      name: `${name}.${part}`,
      type: 'float32' as const,
      shape: ['batch_size', heads.count, length, heads.size],
    }));
  return [
    {
      name: 'logits',
      type: 'float32',
      shape: ['total_batch_size_x_num_codebooks', 'decoder_sequence_length', vocab_size],
    },
    ...Array.from({ length: num_hidden_layers }, (_, layer) => [
      ...cache(`present.${layer}.decoder`, 'past_decoder_sequence_length + decoder_sequence_length'),
      ...cache(`present.${layer}.encoder`, 'encoder_sequence_length'),
    ]).flat(),
  ];
}

/** Ends a branch: its results go by order, so they keep their own names. */
function returning(g: GraphBuilder, checkpoint: Checkpoint, values: readonly Value[]): GraphBuilder {
  for (const [index, { type, shape }] of outputTypes(checkpoint).entries()) {
    const value = values[index] ?? '';
    g.output(value, { name: value, type, shape });
  }
  return g;
}

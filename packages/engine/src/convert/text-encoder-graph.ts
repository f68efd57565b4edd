import { attend, linear, maskBias, mergeHeads, splitHeads } from './attention-graph.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TextEncoderConfig } from './checkpoint-config.ts';
import type { CheckpointWeights, Weight } from './checkpoint-weights.ts';
import { GraphBuilder, type ModelPrecision, type Value } from './graph-builder.ts';

interface TextEncoder {
  readonly config: TextEncoderConfig;
  readonly weights: CheckpointWeights;
}

/**
 * The encoder half of T5 (https://arxiv.org/abs/1910.10683; transformers `T5EncoderModel`):
 * input_ids and attention_mask int64 [B, S] → last_hidden_state float32 [B, S, d_model], not yet projected to the
 * decoder's width. Pre-norm blocks, no biases, scores not divided by √d_kv.
 */
export function buildTextEncoderGraph(checkpoint: Checkpoint, precision: ModelPrecision): GraphBuilder {
  const { text_encoder: config } = checkpoint.config;
  const { weights } = checkpoint;
  const encoder = { config, weights };
  const g = new GraphBuilder('text_encoder', precision);
  const shape = ['batch_size', 'encoder_sequence_length'];
  const ids = g.input({ name: 'input_ids', type: 'int64', shape });
  const mask = g.input({ name: 'attention_mask', type: 'int64', shape });

  const bias = g.add(relativePositionBias(g, encoder, ids), maskBias(g, mask)); // [B, heads, S, S]
  let x = g.gather(g.weight(tokenEmbedding(encoder)), ids); // [B, S, d_model]
  for (let block = 0; block < config.num_layers; block++) {
    const name = `text_encoder.encoder.block.${block}`;
    const attention = `${name}.layer.0`;
    x = g.add(
      x,
      selfAttention(g, encoder, { x: rmsNorm(g, encoder, { x, name: attention }), name: attention, bias }),
    );
    const feed = `${name}.layer.1`;
    x = g.add(x, feedForward(g, encoder, { x: rmsNorm(g, encoder, { x, name: feed }), name: feed }));
  }
  const scale = g.weight(weights.get('text_encoder.encoder.final_layer_norm.weight', [config.d_model]));
  g.output(normalize(g, { x, scale, epsilon: config.layer_norm_epsilon }), {
    name: 'last_hidden_state',
    type: 'float32',
    shape: [...shape, config.d_model],
  });
  return g;
}

/** The embedding is tied to the T5 decoder's and saved under either name. */
function tokenEmbedding({ config, weights }: TextEncoder): Weight {
  const names = ['text_encoder.shared.weight', 'text_encoder.encoder.embed_tokens.weight'] as const;
  return weights.get(names.find((name) => weights.has(name)) ?? names[0], [
    config.vocab_size,
    config.d_model,
  ]);
}

function rmsNorm(
  g: GraphBuilder,
  { config, weights }: TextEncoder,
  { x, name }: { x: Value; name: string },
): Value {
  const scale = g.weight(weights.get(`${name}.layer_norm.weight`, [config.d_model]));
  return normalize(g, { x, scale, epsilon: config.layer_norm_epsilon });
}

/** scale · x / √(mean(x²) + ε) over the last axis (https://arxiv.org/abs/1910.07467). */
function normalize(
  g: GraphBuilder,
  { x, scale, epsilon }: { x: Value; scale: Value; epsilon: number },
): Value {
  const meanSquare = g.op('ReduceMean', [g.op('Pow', [x, g.float(2)])], {
    axes: { ints: [-1] },
    keepdims: { int: 1 },
  });
  const root = g.op('Sqrt', [g.add(meanSquare, g.float(epsilon))]);
  return g.multiply(scale, g.op('Div', [x, root]));
}

function selfAttention(
  g: GraphBuilder,
  { config, weights }: TextEncoder,
  { x, name, bias }: { x: Value; name: string; bias: Value },
): Value {
  const heads = { count: config.num_heads, size: config.d_kv };
  const width = heads.count * heads.size;
  const project = (letter: string) =>
    splitHeads(
      g,
      linear(g, weights, { x, name: `${name}.SelfAttention.${letter}`, shape: [width, config.d_model] }),
      heads,
    );
  const attended = attend(g, { query: project('q'), key: project('k'), value: project('v'), bias });
  return linear(g, weights, {
    x: mergeHeads(g, attended, heads),
    name: `${name}.SelfAttention.o`,
    shape: [config.d_model, width],
  });
}

function feedForward(g: GraphBuilder, encoder: TextEncoder, { x, name }: { x: Value; name: string }): Value {
  const { config, weights } = encoder;
  const inner = linear(g, weights, {
    x,
    name: `${name}.DenseReluDense.wi`,
    shape: [config.d_ff, config.d_model],
  });
  return linear(g, weights, {
    x: g.op('Relu', [inner]),
    name: `${name}.DenseReluDense.wo`,
    shape: [config.d_model, config.d_ff],
  });
}

/**
 * bias[head, i, j] = table[bucket(j − i)][head] → [1, heads, S, S]. The bucket no longer changes at
 * `relative_attention_max_distance`, so the table is stored by clipped distance and the graph needs no logarithm.
 */
function relativePositionBias(g: GraphBuilder, { config, weights }: TextEncoder, ids: Value): Value {
  const limit = config.relative_attention_max_distance;
  const length = g.op('Squeeze', [g.sizeOf(ids, 1)]);
  const positions = g.op('Range', [g.int64(0), length, g.int64(1)]); // [S]
  const distances = g.op('Sub', [g.unsqueeze(positions, [0]), g.unsqueeze(positions, [1])]); // [i, j] = j − i
  const clipped = g.op('Clip', [distances, g.int64(-limit), g.int64(limit)]);
  const rows = g.add(clipped, g.int64(limit)); // 0 … 2 · limit
  const bias = g.gather(g.weight(biasByDistance(config, weights)), rows); // [S, S, heads]
  return g.unsqueeze(g.transpose(bias, [2, 0, 1]), [0]);
}

/** Rows −limit … limit of the bias by distance: [2 · limit + 1, heads]; stored in block 0 for all blocks. */
function biasByDistance(config: TextEncoderConfig, weights: CheckpointWeights): Weight {
  const name = 'text_encoder.encoder.block.0.layer.0.SelfAttention.relative_attention_bias';
  const heads = config.num_heads;
  const byBucket = weights.get(`${name}.weight`, [config.relative_attention_num_buckets, heads]);
  const limit = config.relative_attention_max_distance;
  return {
    name: `${name}.by_distance`,
    shape: [2 * limit + 1, heads],
    load: async () => {
      const table = await byBucket.load();
      const rows = new Float32Array((2 * limit + 1) * heads);
      for (let distance = -limit; distance <= limit; distance++) {
        const bucket = relativePositionBucket(distance, config);
        rows.set(table.subarray(bucket * heads, (bucket + 1) * heads), (distance + limit) * heads);
      }
      return rows;
    },
  };
}

/**
 * T5's bidirectional bucket of a distance key − query: half of the buckets for keys to the right, in each half exact
 * ones for small distances and logarithmic ones up to the maximum (transformers `T5Attention._relative_position_bucket`,
 * whose float32 rounding decides at the edges of the logarithmic buckets).
 */
export function relativePositionBucket(
  distance: number,
  config: Pick<TextEncoderConfig, 'relative_attention_num_buckets' | 'relative_attention_max_distance'>,
): number {
  const half = Math.floor(config.relative_attention_num_buckets / 2);
  const exact = Math.floor(half / 2);
  const side = distance > 0 ? half : 0;
  const magnitude = Math.abs(distance);
  if (magnitude < exact) return side + magnitude;
  const { fround, log } = Math;
  const fraction = fround(
    fround(log(fround(magnitude / exact))) / fround(log(config.relative_attention_max_distance / exact)),
  );
  const logarithmic = exact + Math.floor(fround(fraction * (half - exact)));
  return side + Math.min(half - 1, logarithmic);
}

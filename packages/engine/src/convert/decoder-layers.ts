import { attend, type Heads, linear, mergeHeads, splitHeads } from './attention-graph.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

// B: rows of the batch, K: codebooks, H: hidden size, P: cached positions, S: text tokens.

/** [B, heads, positions, size] each. */
export interface KeyValue {
  readonly key: Value;
  readonly value: Value;
}

/** What a prefill and a cached step do differently. */
export interface DecodeInputs {
  readonly ids: Value; // int64 [B, K, columns]
  readonly columns: Value; // int64 [1]
  readonly positions: Value; // [columns, H]
  readonly selfBias?: Value; // [columns, positions]
  readonly crossBias: Value; // [B, 1, 1, S]
  /** What the columns attend to in this layer, given their own keys and values. */
  readonly selfKeyValue: (layer: number, now: KeyValue) => KeyValue;
  /** The text's keys and values; `name` is the attention's prefix in the checkpoint. */
  readonly crossKeyValue: (layer: number, name: string) => KeyValue;
}

const layerNormEpsilon = 1e-5;

export function headsOf({ config }: Checkpoint): Heads {
  const { num_attention_heads, hidden_size } = config.decoder;
  return { count: num_attention_heads, size: hidden_size / num_attention_heads };
}

/**
 * MusicGen's transformer (https://arxiv.org/abs/2306.05284; transformers `MusicgenForCausalLM`): pre-norm layers of
 * self-attention, cross-attention and feed-forward; no biases but in the layer norms.
 * @returns logits [B·K, columns, vocab] and per layer the keys and values attended to
 */
export function decode(g: GraphBuilder, checkpoint: Checkpoint, inputs: DecodeInputs) {
  let x = g.add(embedCodes(g, checkpoint, inputs.ids), inputs.positions); // [B, columns, H]
  const layers: { self: KeyValue; cross: KeyValue }[] = [];
  for (let layer = 0; layer < checkpoint.config.decoder.num_hidden_layers; layer++) {
    const name = `decoder.model.decoder.layers.${layer}`;
    const selfName = `${name}.self_attn`;
    const normed = layerNorm(g, checkpoint, { x, name: `${selfName}_layer_norm` });
    const self = inputs.selfKeyValue(layer, projectKeyValue(g, checkpoint, { x: normed, name: selfName }));
    const own = { x: normed, name: selfName, keyValue: self, bias: inputs.selfBias };
    x = g.add(x, attention(g, checkpoint, own));

    const crossName = `${name}.encoder_attn`;
    const query = layerNorm(g, checkpoint, { x, name: `${crossName}_layer_norm` });
    const cross = inputs.crossKeyValue(layer, crossName);
    const text = { x: query, name: crossName, keyValue: cross, bias: inputs.crossBias };
    x = g.add(x, attention(g, checkpoint, text));

    const fed = layerNorm(g, checkpoint, { x, name: `${name}.final_layer_norm` });
    x = g.add(x, feedForward(g, checkpoint, { x: fed, name }));
    layers.push({ self, cross });
  }
  const last = layerNorm(g, checkpoint, { x, name: 'decoder.model.decoder.layer_norm' });
  return { logits: predictCodes(g, checkpoint, { x: last, columns: inputs.columns }), layers };
}

/** int64 [B·K, columns] → [B, K, columns] */
export function splitCodebooks(
  g: GraphBuilder,
  { config }: Checkpoint,
  input: { ids: Value; columns: Value },
): Value {
  const shape = g.concat([g.int64([-1, config.decoder.num_codebooks]), input.columns], 0);
  return g.op('Reshape', [input.ids, shape]);
}

/**
 * The text encoder's states [B, S, d_model] at the decoder's width [B, S, H], exactly zero where the mask is 0:
 * cross-attention has no biases, so an all-masked (unconditional) row gets nothing from it.
 */
export function projectEncoderStates(
  g: GraphBuilder,
  { config, weights }: Checkpoint,
  { states, mask }: { states: Value; mask: Value },
): Value {
  const [width, textWidth] = [config.decoder.hidden_size, config.text_encoder.d_model];
  const kept = g.unsqueeze(g.cast(mask, 'float32'), [2]); // [B, S, 1]
  // transformers creates the projection only between different widths.
  if (width === textWidth) return g.multiply(states, kept);
  const projected = linear(g, weights, { x: states, name: 'enc_to_dec_proj', shape: [width, textWidth] });
  return g.multiply(g.add(projected, g.weight(weights.get('enc_to_dec_proj.bias', [width]))), kept);
}

/** [B, length, H] → [B, heads, length, size] each. */
export function projectKeyValue(
  g: GraphBuilder,
  checkpoint: Checkpoint,
  input: { x: Value; name: string },
): KeyValue {
  const project = (part: string) =>
    splitHeads(g, square(g, checkpoint, { x: input.x, name: `${input.name}.${part}` }), headsOf(checkpoint));
  return { key: project('k_proj'), value: project('v_proj') };
}

/** Sum over codebooks of their embeddings: int64 [B, K, columns] → [B, columns, H]. One row more than codes: the pad. */
function embedCodes(g: GraphBuilder, { config, weights }: Checkpoint, ids: Value): Value {
  const { num_codebooks, vocab_size, hidden_size } = config.decoder;
  return Array.from({ length: num_codebooks }, (_, codebook) => {
    const name = `decoder.model.decoder.embed_tokens.${codebook}.weight`;
    return g.gather(
      g.weight(weights.get(name, [vocab_size + 1, hidden_size])),
      g.gather(ids, g.int64(codebook), 1),
    );
  }).reduce((sum, embedding) => g.add(sum, embedding));
}

/** One linear head a codebook: [B, columns, H] → [B·K, columns, vocab]. */
function predictCodes(
  g: GraphBuilder,
  { config, weights }: Checkpoint,
  { x, columns }: { x: Value; columns: Value },
) {
  const { num_codebooks, vocab_size, hidden_size } = config.decoder;
  const logits = Array.from({ length: num_codebooks }, (_, codebook) =>
    linear(g, weights, { x, name: `decoder.lm_heads.${codebook}`, shape: [vocab_size, hidden_size] }),
  );
  const stacked = g.concat(logits, 1); // [B, K · columns, vocab], codebook-major
  return g.op('Reshape', [stacked, g.concat([g.int64([-1]), columns, g.int64([vocab_size])], 0)]);
}

export function layerNorm(
  g: GraphBuilder,
  { config, weights }: Checkpoint,
  { x, name }: { x: Value; name: string },
): Value {
  const parameter = (part: string) => g.weight(weights.get(`${name}.${part}`, [config.decoder.hidden_size]));
  const attributes = { axis: { int: -1 }, epsilon: { float: layerNormEpsilon } };
  return g.op('LayerNormalization', [x, parameter('weight'), parameter('bias')], attributes);
}

/** The layer norm of x + addend, and that sum, by one operator of onnxruntime's. */
export function normalizeSum(
  g: GraphBuilder,
  { config, weights }: Checkpoint,
  { x, addend, name }: { x: Value; addend: Value; name: string },
): { normed: Value; sum: Value } {
  const parameter = (part: string) => g.weight(weights.get(`${name}.${part}`, [config.decoder.hidden_size]));
  const [normed, sum] = [`${name}.normed`, `${name}.sum`];
  g.node({
    op: 'SkipLayerNormalization',
    inputs: [x, addend, parameter('weight'), parameter('bias')],
    // Mean and variance, between the two, are not wanted.
    outputs: [normed, '', '', sum],
    attributes: { epsilon: { float: layerNormEpsilon } },
  });
  return { normed, sum };
}

function attention(
  g: GraphBuilder,
  checkpoint: Checkpoint,
  { x, name, keyValue, bias }: { x: Value; name: string; keyValue: KeyValue; bias?: Value },
): Value {
  const heads = headsOf(checkpoint);
  const query = g.multiply(
    square(g, checkpoint, { x, name: `${name}.q_proj` }),
    g.float(1 / Math.sqrt(heads.size)),
  );
  const attended = attend(g, { query: splitHeads(g, query, heads), ...keyValue, bias });
  return square(g, checkpoint, { x: mergeHeads(g, attended, heads), name: `${name}.out_proj` });
}

/** fc2 · GELU(fc1 · x). */
export function feedForward(
  g: GraphBuilder,
  { config, weights }: Checkpoint,
  { x, name }: { x: Value; name: string },
): Value {
  const { ffn_dim, hidden_size } = config.decoder;
  const inner = linear(g, weights, { x, name: `${name}.fc1`, shape: [ffn_dim, hidden_size] });
  return linear(g, weights, { x: gelu(g, inner), name: `${name}.fc2`, shape: [hidden_size, ffn_dim] });
}

/** The exact GELU, x · (1 + erf(x / √2)) / 2, in the form that onnxruntime fuses into one kernel. */
function gelu(g: GraphBuilder, x: Value): Value {
  const erf = g.op('Erf', [g.op('Div', [x, g.float(Math.SQRT2)])]);
  return g.multiply(g.multiply(x, g.add(erf, g.float(1))), g.float(0.5));
}

export function square(
  g: GraphBuilder,
  { config, weights }: Checkpoint,
  layer: { x: Value; name: string },
): Value {
  const { hidden_size } = config.decoder;
  return linear(g, weights, { ...layer, shape: [hidden_size, hidden_size] });
}

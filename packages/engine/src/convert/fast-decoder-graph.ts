import { multiplyMatrix } from './attention-graph.ts';
import type { Checkpoint } from './checkpoint.ts';
import {
  feedForward,
  headsOf,
  normalizeSum,
  projectEncoderStates,
  projectKeyValue,
} from './decoder-layers.ts';
import { attendToPast, attendToText } from './fast-attention.ts';
import {
  declareFastInputs,
  type FastInputs,
  type KeyValue,
  prepareFastBatch,
} from './fast-decoder-inputs.ts';
import { GraphBuilder, type ModelPrecision, type Value } from './graph-builder.ts';
import { positionTable } from './position-table.ts';
import { stacked } from './weight-transforms.ts';

// Letters as in fast-decoder-inputs.ts; H: hidden size.

/** Positions of one row that lie together in the cache, where nothing else is said. */
const usualBlockPositions = 64;

/**
 * The decoder of the fast layout: it appends any number of columns to rows of any age, which is prefill and step in one
 * graph. The cache belongs to the caller and comes in as blocks [N, heads, positions, size] a layer, in any order; what
 * goes out are the logits of the last column and the new keys and values, for the caller to write into it.
 */
export function buildFastDecoderGraph(
  checkpoint: Checkpoint,
  precision: ModelPrecision,
  blockPositions = usualBlockPositions,
): GraphBuilder {
  const g = new GraphBuilder('decoder_fast', precision);
  const inputs = declareFastInputs(g, checkpoint, blockPositions);
  const { num_hidden_layers, num_codebooks, vocab_size } = checkpoint.config.decoder;
  const heads = headsOf(checkpoint);
  const batch = prepareFastBatch(g, inputs, { ...heads, positions: blockPositions });
  const fresh: Value[] = [];
  // What goes through the layers, [B, n, H], and what has still to be added to it: the next norm adds it as it reads.
  let [x, addend] = embed(g, checkpoint, inputs);
  for (let layer = 0; layer < num_hidden_layers; layer++) {
    const name = `decoder.model.decoder.layers.${layer}`;
    const norm = (part: string) =>
      normalizeSum(g, checkpoint, { x, addend, name: `${name}.${part}_layer_norm` });
    const cache = inputs.caches[layer] as KeyValue;
    const text = inputs.texts[layer] as KeyValue;

    const own = norm('self_attn');
    const past = attendToPast(g, checkpoint, { x: own.normed, name: `${name}.self_attn`, cache, batch });
    fresh.push(...past.fresh);
    [x, addend] = [own.sum, past.attended];

    const told = norm('encoder_attn');
    const heard = attendToText(g, checkpoint, { x: told.normed, name: `${name}.encoder_attn`, text, batch });
    [x, addend] = [told.sum, heard];

    const fed = norm('final');
    [x, addend] = [fed.sum, feedForward(g, checkpoint, { x: fed.normed, name })];
  }
  g.output(predict(g, checkpoint, { x, addend }), {
    name: 'logits',
    type: 'float32',
    shape: ['rows', num_codebooks, vocab_size],
  });
  g.output(g.concat(fresh, 0), {
    name: 'fresh',
    type: 'float32',
    shape: [2 * num_hidden_layers, 'rows', heads.count, 'columns', heads.size],
  });
  return g;
}

/**
 * What the fast decoder attends to of a text: encoder_hidden_states [T, S, d_model] and their mask int64 [T, S] → keys
 * and values of all layers, [2 · layers, T, heads, S, size]. It runs once a piece.
 */
export function buildFastTextGraph(checkpoint: Checkpoint, precision: ModelPrecision): GraphBuilder {
  const g = new GraphBuilder('decoder_fast_text', precision);
  const { text_encoder, decoder } = checkpoint.config;
  const stateShape = ['text_rows', 'tokens', text_encoder.d_model];
  const states = g.input({ name: 'encoder_hidden_states', type: 'float32', shape: stateShape });
  const mask = g.input({ name: 'encoder_attention_mask', type: 'int64', shape: ['text_rows', 'tokens'] });
  const x = projectEncoderStates(g, checkpoint, { states, mask });
  const parts = Array.from({ length: decoder.num_hidden_layers }, (_, layer) => {
    const name = `decoder.model.decoder.layers.${layer}.encoder_attn`;
    const { key, value } = projectKeyValue(g, checkpoint, { x, name });
    return [g.unsqueeze(key, [0]), g.unsqueeze(value, [0])];
  }).flat();
  const heads = headsOf(checkpoint);
  g.output(g.concat(parts, 0), {
    name: 'text',
    type: 'float32',
    shape: [parts.length, 'text_rows', heads.count, 'tokens', heads.size],
  });
  return g;
}

/** The sum over codebooks of their embeddings, and the positions' → [B, n, H] each. All codebooks' rows are one table. */
function embed(g: GraphBuilder, checkpoint: Checkpoint, { ids, start }: FastInputs): [Value, Value] {
  const { num_codebooks, vocab_size, hidden_size } = checkpoint.config.decoder;
  const tables = Array.from({ length: num_codebooks }, (_, codebook) =>
    checkpoint.weights.get(`decoder.model.decoder.embed_tokens.${codebook}.weight`, [
      vocab_size + 1,
      hidden_size,
    ]),
  );
  const firstRows = g.unsqueeze(g.int64(tables.map((_, codebook) => codebook * (vocab_size + 1))), [1]); // [K, 1]
  const rows = g.gather(g.weight(stacked('decoder.embed_tokens', tables)), g.add(ids, firstRows)); // [B, K, n, H]
  const codes = g.op('ReduceSum', [rows, g.int64([1])], { keepdims: { int: 0 } });
  const columns = g.op('Range', [g.int64(0), g.op('Squeeze', [g.sizeOf(ids, 2)]), g.int64(1)]);
  const positions = g.add(g.unsqueeze(start, [1]), columns); // [B, n]
  return [codes, g.gather(g.weight(positionTable(checkpoint)), positions)];
}

/** Logits of the last column: [B, n, H] → [B, K, vocab]. The heads of all codebooks are one matrix. */
function predict(g: GraphBuilder, checkpoint: Checkpoint, stream: { x: Value; addend: Value }): Value {
  const { num_codebooks, vocab_size, hidden_size } = checkpoint.config.decoder;
  const { normed } = normalizeSum(g, checkpoint, { ...stream, name: 'decoder.model.decoder.layer_norm' });
  const last = g.gather(normed, g.int64(-1), 1); // [B, H]
  const matrices = Array.from({ length: num_codebooks }, (_, codebook) =>
    checkpoint.weights.get(`decoder.lm_heads.${codebook}.weight`, [vocab_size, hidden_size]),
  );
  const logits = multiplyMatrix(g, last, stacked('decoder.lm_heads.weight', matrices));
  return g.reshape(logits, [0, num_codebooks, vocab_size]);
}

import {
  causalBias,
  type Heads,
  mergeHeads,
  multiplyMatrix,
  splitHeads,
  transposedProduct,
} from './attention-graph.ts';
import type { Checkpoint } from './checkpoint.ts';
import {
  feedForward,
  headsOf,
  layerNorm,
  projectEncoderStates,
  projectKeyValue,
  square,
} from './decoder-layers.ts';
import { GraphBuilder, type ModelPrecision, type Value } from './graph-builder.ts';
import { positionTable } from './position-table.ts';
import { scaled, stacked } from './weight-transforms.ts';

// B: rows, T: those of them with text, which come first, K: codebooks, n: new columns, N: cache blocks, m: most blocks
// of a row, S: text tokens, H: hidden size.

/** Positions of one row that lie together in the cache, where nothing else is said. */
const usualBlockPositions = 128;

/**
 * The decoder of the fast layout: it appends any number of columns to rows of any age, which is prefill and step in one
 * graph. The cache belongs to the caller and comes in as blocks [N, heads, positions, size] a layer, in any order; what
 * goes out are the logits of the last column and the new keys and values, for the caller to write into it.
 * Every row's scores over its blocks are gathered side by side, so that the softmax sees the whole row; the mask covers
 * what a row has not filled.
 */
export function buildFastDecoderGraph(
  checkpoint: Checkpoint,
  precision: ModelPrecision,
  blockPositions = usualBlockPositions,
): GraphBuilder {
  const g = new GraphBuilder('decoder_fast', precision);
  const inputs = declareInputs(g, checkpoint, blockPositions);
  const { num_hidden_layers, num_codebooks, vocab_size } = checkpoint.config.decoder;
  const heads = headsOf(checkpoint);
  const batch = prepare(g, inputs, { ...heads, positions: blockPositions });
  let x = embed(g, checkpoint, inputs); // [B, n, H]
  const fresh: Value[] = [];
  for (let layer = 0; layer < num_hidden_layers; layer++) {
    const name = `decoder.model.decoder.layers.${layer}`;
    const own = selfAttention(g, checkpoint, {
      x,
      name: `${name}.self_attn`,
      cache: cacheOf(inputs, layer),
      batch,
    });
    fresh.push(...own.fresh);
    x = g.add(x, own.attended);
    x = attendToText(g, checkpoint, { x, name: `${name}.encoder_attn`, text: textOf(inputs, layer), batch });
    x = g.add(
      x,
      feedForward(g, checkpoint, {
        x: layerNorm(g, checkpoint, { x, name: `${name}.final_layer_norm` }),
        name,
      }),
    );
  }
  g.output(predict(g, checkpoint, x), {
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

interface KeyValue {
  readonly key: Value;
  readonly value: Value;
}

interface Inputs {
  readonly ids: Value; // int64 [B, K, n]
  readonly start: Value; // int64 [B]: position of a row's first new column
  readonly blockRow: Value; // int64 [N]: row that a block belongs to
  readonly blockSlot: Value; // int64 [N]: row · m + place in the row
  readonly blockSum: Value; // [B, N]: 1 where a block belongs to a row
  readonly rowBlocks: Value; // int64 [B, m]: blocks of a row in order; what is left over names any block
  readonly pastBias: Value; // [B, 1, 1, m · positions]: added to the scores, masks what is not filled
  readonly textBias: Value; // [T, 1, 1, S]
  readonly caches: readonly KeyValue[]; // [N, heads, positions, size] a layer
  readonly texts: readonly KeyValue[]; // [T, heads, S, size] a layer
}

function declareInputs(g: GraphBuilder, { config }: Checkpoint, blockPositions: number): Inputs {
  const { num_codebooks, num_hidden_layers, num_attention_heads: count, hidden_size } = config.decoder;
  const int64 = (name: string, shape: (string | number)[]) => g.input({ name, type: 'int64', shape });
  const float = (name: string, shape: (string | number)[]) => g.input({ name, type: 'float32', shape });
  const perLayer = (name: string, shape: (string | number)[]) =>
    Array.from({ length: num_hidden_layers }, (_, layer) => ({
      key: float(`${name}.${layer}.key`, shape),
      value: float(`${name}.${layer}.value`, shape),
    }));
  return {
    ids: int64('input_ids', ['rows', num_codebooks, 'columns']),
    start: int64('start', ['rows']),
    blockRow: int64('block_row', ['blocks']),
    blockSlot: int64('block_slot', ['blocks']),
    blockSum: float('block_sum', ['rows', 'blocks']),
    rowBlocks: int64('row_blocks', ['rows', 'row_blocks']),
    pastBias: float('past_bias', ['rows', 1, 1, 'past']),
    textBias: float('text_bias', ['text_rows', 1, 1, 'tokens']),
    caches: perLayer('cache', ['blocks', count, blockPositions, hidden_size / count]),
    texts: perLayer('text', ['text_rows', count, 'tokens', hidden_size / count]),
  };
}

function cacheOf(inputs: Inputs, layer: number): KeyValue {
  return inputs.caches[layer] as KeyValue;
}

function textOf(inputs: Inputs, layer: number): KeyValue {
  return inputs.texts[layer] as KeyValue;
}

/** What all layers need alike. */
interface Batch extends Inputs {
  readonly freshBias: Value; // [n, n]: a new column sees itself and the earlier ones
  readonly past: Value; // int64 [1]: m · positions
  readonly splitShape: Value; // int64 [5]: B, heads, n, m, positions
  readonly blockShape: Value; // int64 [4]: B · m, heads, n, positions
  readonly sumShape: Value; // int64 [2]: N, heads · n · size
  readonly rowShape: Value; // int64 [4]: B, heads, n, size
  readonly textRows: Value; // int64 [1]: T
}

function prepare(g: GraphBuilder, inputs: Inputs, block: Heads & { positions: number }): Batch {
  const columns = g.sizeOf(inputs.ids, 2);
  const blocks = g.sizeOf(inputs.blockRow, 0);
  return {
    ...inputs,
    freshBias: causalBias(g, columns),
    past: g.sizeOf(inputs.pastBias, 3),
    splitShape: g.int64([0, 0, 0, -1, block.positions]),
    blockShape: g.concat([g.int64([-1, block.count]), columns, g.int64([block.positions])], 0),
    sumShape: g.concat([blocks, g.int64([-1])], 0),
    rowShape: g.concat([g.int64([-1, block.count]), columns, g.int64([block.size])], 0),
    textRows: g.sizeOf(inputs.textBias, 0),
  };
}

/** Sum over codebooks of their embeddings, and of the positions' → [B, n, H]. All codebooks' rows are one table. */
function embed(g: GraphBuilder, checkpoint: Checkpoint, { ids, start }: Inputs): Value {
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
  return g.add(codes, g.gather(g.weight(positionTable(checkpoint)), positions));
}

/** The layer's attention to its row's past and to the new columns, and their keys and values [1, B, heads, n, size]. */
function selfAttention(
  g: GraphBuilder,
  checkpoint: Checkpoint,
  { x, name, cache, batch }: { x: Value; name: string; cache: KeyValue; batch: Batch },
): { attended: Value; fresh: Value[] } {
  const heads = headsOf(checkpoint);
  const width = heads.count * heads.size;
  const matrix = (part: string) => checkpoint.weights.get(`${name}.${part}.weight`, [width, width]);
  const parts = [scaled(matrix('q_proj'), 1 / Math.sqrt(heads.size)), matrix('k_proj'), matrix('v_proj')];
  const normed = layerNorm(g, checkpoint, { x, name: `${name}_layer_norm` });
  const projected = multiplyMatrix(g, normed, stacked(`${name}.qkv_proj.weight`, parts)); // [B, n, 3 · H]
  const split = g.reshape(projected, [0, 0, 3, heads.count, heads.size]);
  const ordered = g.transpose(split, [2, 0, 3, 1, 4]); // [3, B, heads, n, size]
  const [q = '', k = '', v = ''] = ['q', 'k', 'v'].map((part) => `${name}.${part}`);
  g.node({ op: 'Split', inputs: [ordered], outputs: [q, k, v], attributes: { axis: { int: 0 } } });
  const [query = '', key = '', value = ''] = [q, k, v].map((part) => g.op('Squeeze', [part, g.int64([0])]));

  const past = g.add(pastScores(g, { query, key: cache.key, batch }), batch.pastBias);
  const now = g.add(transposedProduct(g, query, key), batch.freshBias); // [B, heads, n, n]
  const shares = g.softmax(g.concat([past, now], 3));
  const pastShares = g.slice(shares, { start: g.int64([0]), end: batch.past, axis: 3 });
  const freshShares = g.slice(shares, { start: batch.past, end: g.int64([endOfAxis]), axis: 3 });
  const attended = g.add(
    pastValues(g, { shares: pastShares, value: cache.value, batch }),
    g.matMul(freshShares, value),
  );
  const merged = mergeHeads(g, attended, heads);
  return { attended: square(g, checkpoint, { x: merged, name: `${name}.out_proj` }), fresh: [k, v] };
}

const endOfAxis = 2 ** 31 - 1;

/** Scores over all places of a row's blocks: query [B, heads, n, size] → [B, heads, n, m · positions]. */
function pastScores(
  g: GraphBuilder,
  { query, key, batch }: { query: Value; key: Value; batch: Batch },
): Value {
  const byBlock = transposedProduct(g, g.gather(query, batch.blockRow), key); // [N, heads, n, positions]
  const byRow = g.gather(byBlock, batch.rowBlocks); // [B, m, heads, n, positions]
  const ordered = g.transpose(byRow, [0, 2, 3, 1, 4]);
  return g.reshape(ordered, [0, 0, 0, -1]);
}

/** Shares [B, heads, n, m · positions] of the values in a row's blocks → [B, heads, n, size]. */
function pastValues(
  g: GraphBuilder,
  { shares, value, batch }: { shares: Value; value: Value; batch: Batch },
): Value {
  const split = g.transpose(g.op('Reshape', [shares, batch.splitShape]), [0, 3, 1, 2, 4]); // [B, m, heads, n, positions]
  const slots = g.op('Reshape', [split, batch.blockShape]);
  const byBlock = g.matMul(g.gather(slots, batch.blockSlot), value); // [N, heads, n, size]
  const summed = g.matMul(batch.blockSum, g.op('Reshape', [byBlock, batch.sumShape])); // [B, heads · n · size]
  return g.op('Reshape', [summed, batch.rowShape]);
}

/** Adds what the rows with text attend to of it; for the others that would be exactly zero. */
function attendToText(
  g: GraphBuilder,
  checkpoint: Checkpoint,
  { x, name, text, batch }: { x: Value; name: string; text: KeyValue; batch: Batch },
): Value {
  const heads = headsOf(checkpoint);
  const told = g.slice(x, { start: g.int64([0]), end: batch.textRows, axis: 0 });
  const untold = g.slice(x, { start: batch.textRows, end: g.int64([endOfAxis]), axis: 0 });
  const normed = layerNorm(g, checkpoint, { x: told, name: `${name}_layer_norm` });
  const width = heads.count * heads.size;
  const matrix = checkpoint.weights.get(`${name}.q_proj.weight`, [width, width]);
  const projected = multiplyMatrix(g, normed, scaled(matrix, 1 / Math.sqrt(heads.size)));
  const query = splitHeads(g, projected, heads);
  const scores = g.add(transposedProduct(g, query, text.key), batch.textBias);
  const attended = mergeHeads(g, g.matMul(g.softmax(scores), text.value), heads);
  return g.concat([g.add(told, square(g, checkpoint, { x: attended, name: `${name}.out_proj` })), untold], 0);
}

/** Logits of the last column: [B, n, H] → [B, K, vocab]. The heads of all codebooks are one matrix. */
function predict(g: GraphBuilder, checkpoint: Checkpoint, x: Value): Value {
  const { num_codebooks, vocab_size, hidden_size } = checkpoint.config.decoder;
  const last = g.gather(x, g.int64(-1), 1); // [B, H]
  const normed = layerNorm(g, checkpoint, { x: last, name: 'decoder.model.decoder.layer_norm' });
  const matrices = Array.from({ length: num_codebooks }, (_, codebook) =>
    checkpoint.weights.get(`decoder.lm_heads.${codebook}.weight`, [vocab_size, hidden_size]),
  );
  const logits = multiplyMatrix(g, normed, stacked('decoder.lm_heads.weight', matrices));
  return g.reshape(logits, [0, num_codebooks, vocab_size]);
}

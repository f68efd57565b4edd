import { multiplyMatrix, transposedProduct } from './attention-graph.ts';
import type { Checkpoint } from './checkpoint.ts';
import { headsOf, square } from './decoder-layers.ts';
import type { FastBatch, KeyValue } from './fast-decoder-inputs.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';
import { scaled, stacked } from './weight-transforms.ts';

// Letters as in fast-decoder-inputs.ts; H: hidden size.

/**
 * A layer's attention to its row's past and to the new columns: [B, n, H] → the same, and the new columns' keys and values,
 * [1, B, heads, n, size] each. Every row's scores over its blocks are gathered side by side, so that the softmax sees the
 * whole row; the bias covers what a row has not filled.
 */
export function attendToPast(
  g: GraphBuilder,
  checkpoint: Checkpoint,
  { x, name, cache, batch }: { x: Value; name: string; cache: KeyValue; batch: FastBatch },
): { attended: Value; fresh: [key: Value, value: Value] } {
  const { query, key, value } = project(g, checkpoint, { x, name });
  const past = pastScores(g, { query, key: cache.key, batch });
  const scores = g.concat([past, transposedProduct(g, query, key)], 4); // [1, B, heads, n, P + n]
  const shares = g.softmax(g.add(scores, batch.bias));
  const [pastShares, freshShares] = [`${name}.past_shares`, `${name}.fresh_shares`];
  g.node({
    op: 'Split',
    inputs: [shares, batch.splitSizes],
    outputs: [pastShares, freshShares],
    attributes: { axis: { int: 4 } },
  });
  const heard = g.add(
    pastValues(g, { shares: pastShares, value: cache.value, batch }),
    g.matMul(freshShares, value),
  ); // [1, B, heads, n, size]
  const merged = g.op('Reshape', [g.transpose(heard, [0, 1, 3, 2, 4]), batch.hiddenShape]);
  return { attended: square(g, checkpoint, { x: merged, name: `${name}.out_proj` }), fresh: [key, value] };
}

/** Query, key and value by one multiplication; the query's matrix holds the factor 1 / √size of the scores. */
function project(g: GraphBuilder, checkpoint: Checkpoint, { x, name }: { x: Value; name: string }) {
  const { count, size } = headsOf(checkpoint);
  const width = count * size;
  const matrix = (part: string) => checkpoint.weights.get(`${name}.${part}.weight`, [width, width]);
  const parts = [scaled(matrix('q_proj'), 1 / Math.sqrt(size)), matrix('k_proj'), matrix('v_proj')];
  const projected = multiplyMatrix(g, x, stacked(`${name}.qkv_proj.weight`, parts)); // [B, n, 3 · H]
  const split = g.transpose(g.reshape(projected, [0, 0, 3, count, size]), [2, 0, 3, 1, 4]);
  const [query, key, value] = [`${name}.q`, `${name}.k`, `${name}.v`] as const; // [1, B, heads, n, size]
  g.node({ op: 'Split', inputs: [split], outputs: [query, key, value], attributes: { axis: { int: 0 } } });
  return { query, key, value };
}

/** Scores over all places of a row's blocks: query [1, B, heads, n, size] → [1, B, heads, n, P]. */
function pastScores(
  g: GraphBuilder,
  { query, key, batch }: { query: Value; key: Value; batch: FastBatch },
): Value {
  const byBlock = transposedProduct(g, g.gather(query, batch.blockRow, 1), key); // [1, N, heads, n, positions]
  const byRow = g.gather(byBlock, batch.rowBlocks, 1); // [1, B, m, heads, n, positions]
  return g.op('Reshape', [g.transpose(byRow, [0, 1, 3, 4, 2, 5]), batch.pastShape]);
}

/** Shares [1, B, heads, n, P] of the values in a row's blocks → [B, heads, n, size]. */
function pastValues(
  g: GraphBuilder,
  { shares, value, batch }: { shares: Value; value: Value; batch: FastBatch },
): Value {
  const split = g.transpose(g.op('Reshape', [shares, batch.slotShape]), [0, 3, 1, 2, 4]); // [B, m, heads, n, positions]
  const slots = g.op('Reshape', [split, batch.blockShape]);
  const byBlock = g.matMul(g.gather(slots, batch.blockSlot), value); // [N, heads, n, size]
  const summed = g.matMul(batch.blockSum, g.op('Reshape', [byBlock, batch.sumShape])); // [B, heads · n · size]
  return g.op('Reshape', [summed, batch.rowShape]);
}

/** What the rows with text hear of it, and zeros for the others, of which it would be exactly that: [B, n, H] → the same. */
export function attendToText(
  g: GraphBuilder,
  checkpoint: Checkpoint,
  { x, name, text, batch }: { x: Value; name: string; text: KeyValue; batch: FastBatch },
): Value {
  const told = g.slice(x, { start: g.int64([0]), end: batch.textRows, axis: 0 }); // [T, n, H]
  const query = square(g, checkpoint, { x: told, name: `${name}.q_proj` });
  // onnxruntime's own operator; the fourth input is a bias of the projections, the fifth a mask of keys.
  const heard = g.op('MultiHeadAttention', [query, text.key, text.value, '', '', batch.textBiases], {
    num_heads: { int: headsOf(checkpoint).count },
  });
  return g.concat([square(g, checkpoint, { x: heard, name: `${name}.out_proj` }), batch.untold], 0);
}

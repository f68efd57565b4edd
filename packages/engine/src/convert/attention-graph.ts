import type { CheckpointWeights, Weight } from './checkpoint-weights.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';
import { quantized } from './quantize.ts';
import { transposed } from './weight-transforms.ts';

/** The most negative float32, added to a score that must not count; −∞ would turn an all-masked row into NaN. */
export const maskedScore = -3.4028234663852886e38;

export interface Heads {
  readonly count: number;
  readonly size: number;
}

/** q · kᵀ; the operator is onnxruntime's, which transposes as it reads. */
export function transposedProduct(g: GraphBuilder, query: Value, key: Value): Value {
  // Without a factor: with one, a single query takes a path several times as slow.
  return g.op('FusedMatMul', [query, key], { transB: { int: 1 } });
}

/** y = x · Wᵀ without bias, W [out, in]: [..., in] → [..., out]; W is stored in the graph's precision. */
export function multiplyMatrix(g: GraphBuilder, x: Value, matrix: Weight): Value {
  if (g.precision === 'fp32') return g.matMul(x, g.weight(transposed(matrix)));
  const { packed, scales, attributes } = quantized(matrix, g.precision);
  return g.op('MatMulNBits', [x, g.weight(packed), g.weight(scales)], attributes);
}

/** The linear layer of that name in the checkpoint, whose weight has this shape. */
export function linear(
  g: GraphBuilder,
  weights: CheckpointWeights,
  layer: { x: Value; name: string; shape: readonly [out: number, input: number] },
): Value {
  return multiplyMatrix(g, layer.x, weights.get(`${layer.name}.weight`, layer.shape));
}

/** [B, L, heads · size] → [B, heads, L, size] */
export function splitHeads(g: GraphBuilder, x: Value, heads: Heads): Value {
  return g.transpose(g.reshape(x, [0, 0, heads.count, heads.size]), [0, 2, 1, 3]);
}

/** [B, heads, L, size] → [B, L, heads · size] */
export function mergeHeads(g: GraphBuilder, x: Value, heads: Heads): Value {
  return g.reshape(g.transpose(x, [0, 2, 1, 3]), [0, 0, heads.count * heads.size]);
}

/**
 * softmax(q · kᵀ + bias) · v per head; whoever wants the scores scaled scales q.
 * q [B, heads, L, size], k and v [B, heads, M, size], bias broadcast to [B, heads, L, M] → [B, heads, L, size].
 */
export function attend(
  g: GraphBuilder,
  { query, key, value, bias }: { query: Value; key: Value; value: Value; bias?: Value },
): Value {
  const scores = g.matMul(query, g.transpose(key, [0, 1, 3, 2]));
  return g.matMul(g.softmax(bias ? g.add(scores, bias) : scores), value);
}

/** A 0/1 mask int64 [B, S] as what is added to scores, float32 [B, 1, 1, S]. */
export function maskBias(g: GraphBuilder, mask: Value): Value {
  const hidden = g.op('Sub', [g.float(1), g.cast(g.unsqueeze(mask, [1, 2]), 'float32')]);
  return g.multiply(hidden, g.float(maskedScore));
}

/** 0 where column i may see column j (j ≤ i), the masked score elsewhere: [columns, columns]. */
export function causalBias(g: GraphBuilder, columns: Value): Value {
  const indices = g.op('Range', [g.int64(0), g.op('Squeeze', [columns]), g.int64(1)]);
  const isLater = g.op('Greater', [g.unsqueeze(indices, [0]), g.unsqueeze(indices, [1])]);
  return g.op('Where', [isLater, g.float(maskedScore), g.float(0)]);
}

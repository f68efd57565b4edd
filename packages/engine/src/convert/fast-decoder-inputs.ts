import { causalBias, type Heads } from './attention-graph.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

// B: rows, T: those of them with text, which come first, K: codebooks, n: new columns, N: cache blocks, m: most blocks
// of a row, P: m · positions of a block, S: text tokens.

export interface KeyValue {
  readonly key: Value;
  readonly value: Value;
}

/** What the fast decoder is fed. */
export interface FastInputs {
  readonly ids: Value; // int64 [B, K, n]
  readonly start: Value; // int64 [B]: position of a row's first new column
  readonly blockRow: Value; // int64 [N]: row that a block belongs to
  readonly blockSlot: Value; // int64 [N]: row · m + place in the row
  readonly blockSum: Value; // [B, N]: 1 where a block belongs to a row
  readonly rowBlocks: Value; // int64 [B, m]: blocks of a row in order; what is left over names any block
  readonly pastBias: Value; // [B, 1, 1, P]: added to the scores, masks what is not filled
  readonly textBias: Value; // [T, 1, 1, S]
  readonly caches: readonly KeyValue[]; // [N, heads, positions, size] a layer
  readonly texts: readonly KeyValue[]; // [T, heads, S, size] a layer
}

export function declareFastInputs(
  g: GraphBuilder,
  { config }: Checkpoint,
  blockPositions: number,
): FastInputs {
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

/** The inputs, and what all layers make of them alike. */
export interface FastBatch extends FastInputs {
  readonly bias: Value; // [B, 1, n, P + n]: a new column sees its row's past, itself and the earlier new ones
  readonly splitSizes: Value; // int64 [2]: P, n
  readonly pastShape: Value; // int64 [5]: 1, B, heads, n, P
  readonly slotShape: Value; // int64 [5]: B, heads, n, m, positions
  readonly blockShape: Value; // int64 [4]: B · m, heads, n, positions
  readonly sumShape: Value; // int64 [2]: N, heads · n · size
  readonly rowShape: Value; // int64 [4]: B, heads, n, size
  readonly hiddenShape: Value; // int64 [3]: B, n, heads · size
  readonly textRows: Value; // int64 [1]: T
  readonly textBiases: Value; // [T, 1, n, S]
  readonly untold: Value; // [B − T, n, heads · size] of zeros: what the rows without text hear of it
}

export function prepareFastBatch(
  g: GraphBuilder,
  inputs: FastInputs,
  block: Heads & { positions: number },
): FastBatch {
  const rows = g.sizeOf(inputs.ids, 0);
  const columns = g.sizeOf(inputs.ids, 2);
  const past = g.sizeOf(inputs.pastBias, 3);
  const textRows = g.sizeOf(inputs.textBias, 0);
  const [one, heads] = [g.int64([1]), g.int64([block.count])];
  const shape = (...sizes: Value[]) => g.concat(sizes, 0);
  const expanded = (bias: Value, ...sizes: Value[]) => g.op('Expand', [bias, shape(...sizes)]);
  const pastBias = expanded(inputs.pastBias, rows, one, columns, past);
  const freshBias = expanded(causalBias(g, columns), rows, one, columns, columns);
  const width = g.int64([block.count * block.size]);
  return {
    ...inputs,
    bias: g.concat([pastBias, freshBias], 3),
    splitSizes: shape(past, columns),
    pastShape: shape(one, rows, heads, columns, past),
    slotShape: shape(rows, heads, columns, g.int64([-1, block.positions])),
    blockShape: shape(g.int64([-1, block.count]), columns, g.int64([block.positions])),
    sumShape: shape(g.sizeOf(inputs.blockRow, 0), g.int64([-1])),
    rowShape: shape(rows, heads, columns, g.int64([block.size])),
    hiddenShape: shape(rows, columns, width),
    textRows,
    textBiases: expanded(inputs.textBias, textRows, one, columns, g.sizeOf(inputs.textBias, 3)),
    untold: g.op('ConstantOfShape', [shape(g.op('Sub', [rows, textRows]), columns, width)]),
  };
}

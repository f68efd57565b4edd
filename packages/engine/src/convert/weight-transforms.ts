import { broken } from '../json-file.ts';
import type { CheckpointWeights, Weight } from './checkpoint-weights.ts';

/** Rows and columns of a block that fits into the processor's cache. */
const tileSize = 64;

/** A linear layer's weight [out, in] as [in, out], the right-hand side of ONNX MatMul. */
export function transposed(weight: Weight): Weight {
  const [rows = 0, columns = 0] = weight.shape;
  return {
    name: `${weight.name}.transposed`,
    shape: [columns, rows],
    load: async () => {
      const source = await weight.load();
      const target = new Float32Array(source.length);
      for (let row = 0; row < rows; row += tileSize) {
        for (let column = 0; column < columns; column += tileSize) {
          transposeTile({ source, target, rows, columns, row, column });
        }
      }
      return target;
    },
  };
}

function transposeTile(tile: {
  source: Float32Array;
  target: Float32Array;
  rows: number;
  columns: number;
  row: number;
  column: number;
}): void {
  const { source, target, rows, columns } = tile;
  const lastRow = Math.min(tile.row + tileSize, rows);
  const lastColumn = Math.min(tile.column + tileSize, columns);
  for (let row = tile.row; row < lastRow; row++) {
    for (let column = tile.column; column < lastColumn; column++) {
      target[column * rows + row] = source[row * columns + column] ?? 0;
    }
  }
}

/**
 * The convolution weight w = g · v / ‖v‖₂ of a weight-normalised layer (norm over all but the first dimension,
 * https://arxiv.org/abs/1602.07868), under PyTorch's old and new parameter names.
 * @param prefix the layer, such as `audio_encoder.decoder.layers.0.conv`
 * @param shape of v: [out, in, kernel] for Conv1d, [in, out, kernel] for ConvTranspose1d
 */
export function weightNormalized(
  weights: CheckpointWeights,
  prefix: string,
  shape: readonly number[],
): Weight {
  const parametrized = `${prefix}.parametrizations.weight`;
  const renamed = weights.has(`${parametrized}.original1`);
  const magnitudeShape = shape.map((size, axis) => (axis === 0 ? size : 1));
  const magnitude = weights.get(renamed ? `${parametrized}.original0` : `${prefix}.weight_g`, magnitudeShape);
  const direction = weights.get(renamed ? `${parametrized}.original1` : `${prefix}.weight_v`, shape);
  return {
    name: `${prefix}.weight`,
    shape,
    load: async () => {
      const values = await direction.load();
      const magnitudes = await magnitude.load();
      const rowLength = values.length / magnitudes.length;
      for (const [index, length] of magnitudes.entries()) {
        const row = values.subarray(index * rowLength, (index + 1) * rowLength);
        const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
        if (norm === 0) throw broken(direction.name, `is zero at index ${index}, so it has no direction`);
        for (const [position, value] of row.entries()) row[position] = (value * length) / norm;
      }
      return values;
    },
  };
}

/**
 * LSTM parameters, gate blocks reordered from PyTorch's input, forget, cell, output to ONNX's
 * input, output, forget, cell, with the leading direction axis of ONNX.
 * @param weight [4 · hidden, …] → [1, 4 · hidden, …]
 */
export function inOnnxGateOrder(weight: Weight): Weight {
  return {
    name: `${weight.name}.onnx_gates`,
    shape: [1, ...weight.shape],
    load: async () => {
      const source = await weight.load();
      const block = source.length / 4;
      const target = new Float32Array(source.length);
      for (const [position, gate] of [0, 3, 1, 2].entries()) {
        target.set(source.subarray(gate * block, (gate + 1) * block), position * block);
      }
      return target;
    },
  };
}

/** [1, n] and [1, m] as [1, n + m]: ONNX wants the LSTM's two biases in one tensor. */
export function joined(name: string, first: Weight, second: Weight): Weight {
  return {
    name,
    shape: [1, (first.shape[1] ?? 0) + (second.shape[1] ?? 0)],
    load: async () => Float32Array.of(...(await first.load()), ...(await second.load())),
  };
}

/** Every number times the factor. */
export function scaled(weight: Weight, factor: number): Weight {
  return {
    name: `${weight.name}.scaled`,
    shape: weight.shape,
    load: async () => (await weight.load()).map((value) => value * factor),
  };
}

/** Matrices of the same width on top of each other: [a, n], [b, n], … → [a + b + …, n]. */
export function stacked(name: string, parts: readonly Weight[]): Weight {
  const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 0), 0);
  const width = parts[0]?.shape[1] ?? 0;
  return {
    name,
    shape: [rows, width],
    load: async () => {
      const target = new Float32Array(rows * width);
      let done = 0;
      for (const part of parts) {
        const values = await part.load();
        target.set(values, done);
        done += values.length;
      }
      return target;
    },
  };
}

import type { ByteWeight, Weight } from './checkpoint-weights.ts';
import type { Attribute, ModelPrecision } from './graph-builder.ts';

/** Bits of a number, and how many consecutive inputs of one output share a scale. */
interface BlockFormat {
  readonly bits: 4 | 8;
  readonly blockSize: number;
}

const formats: Record<Exclude<ModelPrecision, 'fp32'>, BlockFormat> = {
  int8: { bits: 8, blockSize: 128 },
  int4: { bits: 4, blockSize: 32 },
};

/** At this level the kernel rounds the activations to 8 bits too and multiplies integers. */
const accuracyLevel = 4;

export interface QuantizedMatrix {
  readonly packed: ByteWeight; // [out, blocks, bytes of a block]
  readonly scales: Weight; // [out · blocks]
  /** Of onnxruntime's MatMulNBits, which takes the matrix as it lies in the checkpoint, not transposed. */
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/**
 * A matrix [out, in] in blocks along its rows, w ≈ (q − 2^(bits−1)) · scale
 * (https://onnxruntime.ai/docs/reference/operators/ContribOperators.html, MatMulNBits).
 */
export function quantized(matrix: Weight, precision: Exclude<ModelPrecision, 'fp32'>): QuantizedMatrix {
  const { bits, blockSize } = formats[precision];
  const [rows = 0, columns = 0] = matrix.shape;
  const blocks = Math.ceil(columns / blockSize);
  return {
    packed: {
      name: `${matrix.name}.${precision}`,
      type: 'uint8',
      shape: [rows, blocks, (blockSize * bits) / 8],
      load: async () => packBlocks(await matrix.load(), { rows, columns, bits, blockSize }),
    },
    scales: {
      name: `${matrix.name}.${precision}_scales`,
      shape: [rows * blocks],
      load: async () => scalesOf(await matrix.load(), { rows, columns, bits, blockSize }),
    },
    attributes: {
      K: { int: columns },
      N: { int: rows },
      bits: { int: bits },
      block_size: { int: blockSize },
      accuracy_level: { int: accuracyLevel },
    },
  };
}

interface BlockMatrix extends BlockFormat {
  readonly rows: number;
  readonly columns: number;
}

function scalesOf(values: Float32Array, matrix: BlockMatrix): Float32Array<ArrayBuffer> {
  const blocks = Math.ceil(matrix.columns / matrix.blockSize);
  const scales = new Float32Array(matrix.rows * blocks);
  for (let index = 0; index < scales.length; index++) scales[index] = scaleOf(values, matrix, index);
  return scales;
}

/** The scale at which the block's largest number, with its sign, is the lowest of the range: that end is one longer. */
function scaleOf(values: Float32Array, matrix: BlockMatrix, block: number): number {
  const { start, end } = rangeOf(matrix, block);
  let largest = 0;
  for (let at = start; at < end; at++) {
    const value = values[at] as number;
    if (Math.abs(value) > Math.abs(largest)) largest = value;
  }
  return Math.fround(-largest / 2 ** (matrix.bits - 1));
}

/** Where the numbers of a block lie in the matrix; the last block of a row may be short. */
function rangeOf({ columns, blockSize }: BlockMatrix, block: number): { start: number; end: number } {
  const blocks = Math.ceil(columns / blockSize);
  const row = Math.floor(block / blocks);
  const first = (block % blocks) * blockSize;
  return { start: row * columns + first, end: row * columns + Math.min(columns, first + blockSize) };
}

function packBlocks(values: Float32Array, matrix: BlockMatrix): Uint8Array<ArrayBuffer> {
  const { rows, columns, bits, blockSize } = matrix;
  const zero = 2 ** (bits - 1);
  const blocks = rows * Math.ceil(columns / blockSize);
  const blockBytes = (blockSize * bits) / 8;
  // What lies beyond a row's end is zero too.
  const packed = new Uint8Array(blocks * blockBytes).fill(bits === 8 ? zero : zero * 17);
  for (let block = 0; block < blocks; block++) {
    const scale = scaleOf(values, matrix, block);
    if (scale === 0) continue;
    const { start, end } = rangeOf(matrix, block);
    for (let at = start; at < end; at++) {
      const number = Math.min(2 * zero - 1, Math.max(0, Math.round((values[at] as number) / scale) + zero));
      const place = at - start;
      if (bits === 8) packed[block * blockBytes + place] = number;
      else writeNibble(packed, block * blockSize + place, number);
    }
  }
  return packed;
}

/** Two numbers of 4 bits share a byte, the first in its lower half. */
function writeNibble(packed: Uint8Array, index: number, number: number): void {
  const byte = index >> 1;
  const before = packed[byte] as number;
  packed[byte] = index % 2 === 0 ? (before & 0xf0) | number : (before & 0x0f) | (number << 4);
}

import type { ByteWeight, Weight } from './checkpoint-weights.ts';
import type { Attribute, ModelPrecision } from './graph-builder.ts';

/** Bits of a number, and how many consecutive inputs of one output share a scale. */
interface BlockFormat {
  readonly bits: 4 | 8;
  readonly blockSize: number;
}

/** Larger blocks are computed faster and lose more: see docs/decisions, four bits in larger blocks. */
const formats: Record<Exclude<ModelPrecision, 'fp32'>, BlockFormat> = {
  int8: { bits: 8, blockSize: 32 },
  int4: { bits: 4, blockSize: 32 },
  'int4-g128': { bits: 4, blockSize: 128 },
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
  const shape = { rows, columns, bits, blockSize };
  // Both are made of one reading of the matrix where they are written one after the other.
  let made: Float32Array<ArrayBuffer> | undefined;
  return {
    packed: {
      name: `${matrix.name}.${precision}`,
      type: 'uint8',
      shape: [rows, blocks, (blockSize * bits) / 8],
      load: async () => {
        const values = await matrix.load();
        made = scalesOf(values, shape);
        return packBlocks(values, made, shape);
      },
    },
    scales: {
      name: `${matrix.name}.${precision}_scales`,
      shape: [rows * blocks],
      load: async () => {
        const scales = made ?? scalesOf(await matrix.load(), shape);
        made = undefined;
        return scales;
      },
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

/**
 * One scale a block, at which its largest number, with its sign, becomes the lowest of the range: that end is one longer.
 * A checkpoint has billions of numbers, hence the plain loops here.
 */
function scalesOf(
  values: Float32Array,
  { rows, columns, bits, blockSize }: BlockMatrix,
): Float32Array<ArrayBuffer> {
  const blocks = Math.ceil(columns / blockSize);
  const scales = new Float32Array(rows * blocks);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const start = row * columns + block * blockSize;
      const end = Math.min(start + blockSize, (row + 1) * columns);
      scales[row * blocks + block] = -largestOf(values, start, end) / 2 ** (bits - 1);
    }
  }
  return scales;
}

/** The number farthest from zero. */
function largestOf(values: Float32Array, start: number, end: number): number {
  let largest = 0;
  for (let at = start; at < end; at++) {
    const value = values[at] as number;
    if (Math.abs(value) > Math.abs(largest)) largest = value;
  }
  return largest;
}

function packBlocks(
  values: Float32Array,
  scales: Float32Array,
  matrix: BlockMatrix,
): Uint8Array<ArrayBuffer> {
  const { rows, columns, bits, blockSize } = matrix;
  const blocks = scales.length / rows;
  const zero = 2 ** (bits - 1);
  const most = 2 * zero - 1;
  // One number a byte first; what lies beyond a row's end is zero too.
  const numbers = new Uint8ClampedArray(scales.length * blockSize).fill(zero);
  for (let block = 0; block < scales.length; block++) {
    const scale = scales[block] as number;
    if (scale === 0) continue;
    const row = Math.floor(block / blocks);
    const first = (block % blocks) * blockSize;
    const count = Math.min(blockSize, columns - first);
    const from = row * columns + first;
    for (let index = 0; index < count; index++) {
      const number = Math.round((values[from + index] as number) / scale) + zero;
      numbers[block * blockSize + index] = number > most ? most : number;
    }
  }
  const bytes = new Uint8Array(numbers.buffer);
  return bits === 8 ? bytes : inPairs(bytes);
}

/** Two numbers of 4 bits share a byte, the first in its lower half. */
function inPairs(numbers: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(numbers.length / 2);
  for (let index = 0; index < packed.length; index++) {
    packed[index] = (numbers[2 * index] as number) | ((numbers[2 * index + 1] as number) << 4);
  }
  return packed;
}

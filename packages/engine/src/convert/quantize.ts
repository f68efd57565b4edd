import type { ByteWeight, Weight } from './checkpoint-weights.ts';
import type { Attribute, ModelPrecision } from './graph-builder.ts';

/** Bits of a number, and how many consecutive inputs of one output share a scale. */
interface BlockFormat {
  readonly bits: 4 | 8;
  readonly blockSize: number;
}

/** Larger blocks are read faster and lose more: see docs/decisions, the fast layout. */
const formats: Record<Exclude<ModelPrecision, 'fp32'>, BlockFormat> = {
  int8: { bits: 8, blockSize: 32 },
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

function packBlocks(values: Float32Array, matrix: BlockMatrix): Uint8Array<ArrayBuffer> {
  const { rows, columns, bits, blockSize } = matrix;
  const scales = scalesOf(values, matrix);
  const blocks = scales.length / rows;
  const zero = 2 ** (bits - 1);
  // One number a byte first; what lies beyond a row's end is zero too.
  const numbers = new Uint8Array(scales.length * blockSize).fill(zero);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const scale = scales[row * blocks + Math.floor(column / blockSize)] as number;
      if (scale === 0) continue;
      const steps = Math.round((values[row * columns + column] as number) / scale) + zero;
      numbers[row * blocks * blockSize + column] = Math.min(2 * zero - 1, Math.max(0, steps));
    }
  }
  return bits === 8 ? numbers : inPairs(numbers);
}

/** Two numbers of 4 bits share a byte, the first in its lower half. */
function inPairs(numbers: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(numbers.length / 2);
  for (let index = 0; index < packed.length; index++) {
    packed[index] = (numbers[2 * index] as number) | ((numbers[2 * index + 1] as number) << 4);
  }
  return packed;
}

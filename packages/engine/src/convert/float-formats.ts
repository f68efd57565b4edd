import { fromFloat16 } from '../float16.ts';

type Decode = (bytes: Uint8Array<ArrayBuffer>) => Float32Array<ArrayBuffer>;

// A checkpoint has billions of numbers: plain loops and a table are several times as fast as a call for each.
const decoders: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['F32', (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)],
  ['F16', (bytes) => widenFloat16(halvesOf(bytes))],
  ['BF16', (bytes) => widenBfloat16(halvesOf(bytes))],
]);

/** What turns the raw little-endian bytes of a safetensors dtype into float32; undefined when it is not floating point. */
export function floatDecoder(dtype: string): Decode | undefined {
  return decoders.get(dtype);
}

function halvesOf(bytes: Uint8Array<ArrayBuffer>): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
}

let float16Values: Float32Array | undefined;

function widenFloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  float16Values ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => fromFloat16(bits));
  const values = new Float32Array(halves.length);
  for (let index = 0; index < halves.length; index++) {
    values[index] = float16Values[halves[index] as number] as number;
  }
  return values;
}

/** bfloat16 is the upper half of a float32. */
function widenBfloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(halves.length);
  for (let index = 0; index < halves.length; index++) words[index] = (halves[index] as number) << 16;
  return new Float32Array(words.buffer);
}

import { fromFloat16 } from '../float16.ts';

type Decode = (bytes: Uint8Array<ArrayBuffer>) => Float32Array<ArrayBuffer>;

const decoders: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['F32', (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)],
  ['F16', (bytes) => Float32Array.from(halvesOf(bytes), fromFloat16)],
  ['BF16', (bytes) => new Float32Array(Uint32Array.from(halvesOf(bytes), bfloat16Bits).buffer)],
]);

/** What turns the raw little-endian bytes of a safetensors dtype into float32; undefined when it is not floating point. */
export function floatDecoder(dtype: string): Decode | undefined {
  return decoders.get(dtype);
}

function halvesOf(bytes: Uint8Array<ArrayBuffer>): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
}

/** bfloat16 is the upper half of a float32. */
function bfloat16Bits(bits: number): number {
  return bits << 16;
}

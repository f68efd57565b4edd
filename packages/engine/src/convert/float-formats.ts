type Decode = (bytes: Uint8Array<ArrayBuffer>) => Float32Array<ArrayBuffer>;

const decoders: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['F32', (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)],
  ['F16', (bytes) => Float32Array.from(halvesOf(bytes), float16)],
  ['BF16', (bytes) => new Float32Array(Uint32Array.from(halvesOf(bytes), bfloat16Bits).buffer)],
]);

/** What turns the raw little-endian bytes of a safetensors dtype into float32; undefined when it is not floating point. */
export function floatDecoder(dtype: string): Decode | undefined {
  return decoders.get(dtype);
}

function halvesOf(bytes: Uint8Array<ArrayBuffer>): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
}

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. */
function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 is the upper half of a float32. */
function bfloat16Bits(bits: number): number {
  return bits << 16;
}

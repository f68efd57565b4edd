import { endianness } from 'node:os';

/** Codes of a piece, frame after frame: `codes[frame * codebooks + codebook]`. */
export type Codes = Uint16Array;

/** What a checkpoint must agree on with the model that goes on from it. */
export interface CodeShape {
  codebooks: number;
  /** Codes are below this. */
  vocabSize: number;
}

const magic = Buffer.from('mgc1');
const headerBytes = 8;

/**
 * The first `frames` complete frames as bytes to go on from later, on any machine: `mgc1`, the number of codebooks and
 * the vocabulary as uint16, then the codes as uint16; all little-endian. 30 s of MusicGen take 12 kB.
 */
export function writeCheckpoint(codes: Codes, frames: number, shape: CodeShape): Buffer {
  const count = frames * shape.codebooks;
  const bytes = Buffer.allocUnsafe(headerBytes + 2 * count);
  magic.copy(bytes);
  bytes.writeUInt16LE(shape.codebooks, 4);
  bytes.writeUInt16LE(shape.vocabSize, 6);
  bytes.set(new Uint8Array(codes.buffer, codes.byteOffset, 2 * count), headerBytes);
  if (endianness() === 'BE') bytes.subarray(headerBytes).swap16();
  return bytes;
}

/** The codes of a checkpoint, or undefined when it is damaged or another kind of model wrote it. */
export function readCheckpoint(bytes: Buffer, shape: CodeShape): Codes | undefined {
  if (bytes.length < headerBytes || !bytes.subarray(0, 4).equals(magic)) return undefined;
  if (bytes.readUInt16LE(4) !== shape.codebooks || bytes.readUInt16LE(6) !== shape.vocabSize)
    return undefined;
  const count = (bytes.length - headerBytes) / 2;
  if (count % shape.codebooks !== 0) return undefined;
  const codes = new Uint16Array(count);
  for (let index = 0; index < count; index++) codes[index] = bytes.readUInt16LE(headerBytes + 2 * index);
  return codes.every((code) => code < shape.vocabSize) ? codes : undefined;
}

/** One chunk of a RIFF file. */
export interface Chunk {
  /** Four characters: `fmt `, `data`, `LIST`. */
  id: string;
  content: Buffer;
  /** The length its header gives, which in a broken file is more than the file has left. */
  claimedBytes: number;
}

const fileHeaderBytes = 12;
const chunkHeaderBytes = 8;

/** The chunks of a RIFF file in their order; the last one may be cut short by the end of the file. */
export function* readChunks(file: Buffer): Generator<Chunk> {
  let offset = fileHeaderBytes;
  while (offset + chunkHeaderBytes <= file.length) {
    const id = file.toString('latin1', offset, offset + 4);
    const claimedBytes = file.readUInt32LE(offset + 4);
    const start = offset + chunkHeaderBytes;
    yield { id, claimedBytes, content: file.subarray(start, Math.min(file.length, start + claimedBytes)) };
    // Chunks begin at even offsets.
    offset = start + claimedBytes + (claimedBytes % 2);
  }
}

/** The first chunk with an id. */
export function findChunk(file: Buffer, id: string): Chunk | undefined {
  for (const chunk of readChunks(file)) if (chunk.id === id) return chunk;
  return undefined;
}

/** A chunk with its header, filled up to an even length. */
export function writeChunk(id: string, content: Buffer): Buffer {
  const header = Buffer.alloc(chunkHeaderBytes);
  header.write(id, 'latin1');
  header.writeUInt32LE(content.length, 4);
  return Buffer.concat([header, content, Buffer.alloc(content.length % 2)]);
}

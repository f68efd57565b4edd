/** Reads a stream piece by piece without keeping more of it than was asked for. */
export interface ByteSource {
  /** The next bytes; fewer than asked for where the stream ends. */
  read(count: number): Promise<Buffer>;
  skip(count: number): Promise<void>;
}

export function createByteSource(stream: AsyncIterable<Uint8Array>): ByteSource {
  const chunks = stream[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);

  /** The next bytes, at most so many, as they lie in memory; undefined at the end. */
  async function take(count: number): Promise<Buffer | undefined> {
    while (rest.length === 0) {
      const { done, value } = await chunks.next();
      if (done) return undefined;
      rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
    const taken = rest.subarray(0, count);
    rest = rest.subarray(taken.length);
    return taken;
  }

  return {
    async read(count) {
      const parts: Buffer[] = [];
      for (let missing = count; missing > 0; ) {
        const part = await take(missing);
        if (part === undefined) break;
        parts.push(part);
        missing -= part.length;
      }
      return Buffer.concat(parts);
    },
    async skip(count) {
      for (let missing = count; missing > 0; ) {
        const part = await take(missing);
        if (part === undefined) return;
        missing -= part.length;
      }
    },
  };
}

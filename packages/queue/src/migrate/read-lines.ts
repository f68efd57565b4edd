/** A line that is longer than allowed; its text was not kept. */
export const tooLong = Symbol('too long');

const newline = 10;

/**
 * The lines of a stream of bytes, without their ends; empty ones are left out. Holds one line and one chunk, whatever
 * their number: of a line beyond `longest` bytes nothing is kept.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  longest: number,
): AsyncGenerator<Buffer | typeof tooLong> {
  let begun: Uint8Array[] = [];
  let length = 0;

  function finish(): Buffer | typeof tooLong {
    const line = length > longest ? tooLong : Buffer.concat(begun);
    begun = [];
    length = 0;
    return line;
  }

  function keep(part: Uint8Array): void {
    length += part.length;
    if (length <= longest) begun.push(part);
    else begun = [];
  }

  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      keep(chunk.subarray(from, end));
      from = end + 1;
      const line = finish();
      if (line === tooLong || line.length > 0) yield line;
    }
    keep(chunk.subarray(from));
  }
  if (length > 0) yield finish();
}

/**
 * The chunks of a stream, which ends when nothing comes for `silenceMs`; ending the loop early lets go of the stream. Not
 * every browser can iterate it by itself.
 */
export async function* chunksOf<Chunk>(
  stream: ReadableStream<Chunk>,
  { silenceMs }: { silenceMs?: number } = {},
): AsyncGenerator<Chunk> {
  const reader = stream.getReader();
  // What cannot be cancelled has ended already.
  const letGo = () => reader.cancel().catch(() => {});
  try {
    for (;;) {
      const timer = silenceMs === undefined ? undefined : setTimeout(letGo, silenceMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      yield value;
    }
  } finally {
    await letGo();
  }
}

/** The lines of a body as they come. */
export async function* linesOf({ body }: Response): AsyncGenerator<string> {
  if (body === null) return;
  let rest = '';
  for await (const text of chunksOf(body.pipeThrough(new TextDecoderStream()))) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
  if (rest !== '') yield rest;
}

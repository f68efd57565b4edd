/** Samples a channel that go into an encoder's memory at once. */
const blockSamples = 65_536;

/** The audio in blocks that an encoder can take, `[channels][≤ 65 536]`. */
export function* blocksOf(samples: readonly Float32Array[]): Generator<Float32Array[]> {
  const total = samples[0]?.length ?? 0;
  for (let start = 0; start < total; start += blockSamples) {
    yield samples.map((channel) => channel.subarray(start, start + blockSamples));
  }
}

import type { Condition } from '../text-encoder.ts';

/** The autoregressive transformer, whatever its graphs look like. It knows rows and columns, no pieces or windows. */
export interface Decoder {
  /** Opens an empty sequence whose rows attend to the rows of a condition. */
  begin(condition: Condition): DecoderPass;
  release(): Promise<void>;
}

/** One batch of sequences with its key/value cache. */
export interface DecoderPass {
  /**
   * Appends columns to every row and returns the logits of the last one, [rows, codebooks, vocabulary], valid until the
   * next call. The first call may bring any number of columns (prefill), every later one brings one.
   * @param ids [rows, codebooks, columns]
   */
  feed(ids: ArrayLike<number>, columns: number): Promise<Float32Array>;
}

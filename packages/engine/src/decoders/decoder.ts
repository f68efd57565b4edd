import type { Condition } from '../text-encoder.ts';

/**
 * The autoregressive transformer, whatever its graphs look like. It knows sequences, rows and columns, no pieces or
 * windows.
 */
export interface Decoder {
  /**
   * The most columns that one input of a step should bring; a longer prefill comes in several. Absent: all columns of a
   * prefill must come at once, in the sequence's first step, and every later step brings one.
   */
  readonly prefillColumns?: number;
  /**
   * Opens an empty sequence: the rows of one piece.
   * @param columns how many it is likely to get, for which room may be reserved
   */
  open(rows: SequenceRows, columns?: number): DecoderSequence;
  /**
   * Appends columns to each sequence and returns each one's logits of its last column, [rows, codebooks, vocabulary],
   * valid until the next call. Sequences share runs where the layout can; any of them may bring many columns (prefill)
   * or one. After an error the sequences it was called with can only be released.
   * @throws ServiceError `generation_failed`
   */
  step(inputs: StepInput[]): Promise<Float32Array[]>;
  release(): Promise<void>;
}

/** What the rows of a sequence attend to. */
export interface SequenceRows {
  /** One row of text states. */
  condition: Condition;
  /**
   * What guidance leads away from: absent = guidance off, one row; 'nothing' = a row without text; a condition = a
   * negative prompt.
   */
  against?: 'nothing' | Condition;
}

export interface StepInput {
  sequence: DecoderSequence;
  /** [codebooks, columns], the same for all rows. */
  ids: Int32Array;
  columns: number;
}

/** One piece's rows with their key/value cache. */
export interface DecoderSequence {
  readonly rows: 1 | 2;
  /** Frees the cache; the sequence must not be stepped again. */
  release(): void;
}

/**
 * MusicGen's delay pattern (Copet et al. 2023, figure 1): codebook k lags k columns behind, so that one column of the
 * decoder holds different frames of different codebooks:
 *
 *     column      0  1  2  3  4  5        . = the special id
 *     codebook 0  .  0  1  2  .  .        3 frames, 4 codebooks: 7 columns,
 *     codebook 1  .  .  0  1  2  .        of which column 0 is the start
 *     codebook 2  .  .  .  0  1  2  .     and the last is never fed back
 *     codebook 3  .  .  .  .  0  1  2
 *
 * In stereo, codebooks are interleaved L0 R0 L1 R1 …, and both channels of a codebook share a delay.
 */
export interface DelayPattern {
  codebooks: number;
  /** Audio channels: 1, or 2 for stereo. */
  channels: number;
}

/** How many columns a codebook lags behind. */
export function delayOf(pattern: DelayPattern, codebook: number): number {
  return Math.floor(codebook / pattern.channels);
}

/** All columns that hold `frames` frames, with the start column: Hugging Face's `max_length`. */
export function columnCount(pattern: DelayPattern, frames: number): number {
  return frames + pattern.codebooks / pattern.channels;
}

/**
 * The frame that a cell of the delayed table holds; a result outside `0 ≤ frame < frames` means that the cell holds the
 * special id.
 */
export function frameAt(pattern: DelayPattern, codebook: number, column: number): number {
  return column - 1 - delayOf(pattern, codebook);
}

/** How many frames are known in all codebooks once every cell up to and including `column` is. */
export function completeFrames(pattern: DelayPattern, column: number): number {
  return Math.max(0, frameAt(pattern, pattern.codebooks - 1, column) + 1);
}

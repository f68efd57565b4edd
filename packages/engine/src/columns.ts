import { ServiceError } from '@musicgen/contract';
import type { Codes } from './checkpoint.ts';
import type { Decoder, DecoderSequence, SequenceRows, StepInput } from './decoders/decoder.ts';
import { columnCount, completeFrames, type DelayPattern, frameAt } from './delay-pattern.ts';
import type { ModelConfig } from './model-folder.ts';
import { uniformAt } from './random.ts';
import { applyGuidance, draw, isGreedy, pickBest, type SamplingSettings, shapeScores } from './sampler.ts';
import { planWindows, type Window } from './windows.ts';

/** A piece whose codes are to be made. */
export interface CodesJob {
  rows: SequenceRows;
  settings: SamplingSettings;
  seed: number;
  /** Filled in place, [frames, codebooks]. */
  codes: Codes;
  /** Frames at the start of `codes` that are there already. */
  known: number;
}

/**
 * The codes of one piece in the making, column by column and window by window: `next` says what the decoder is to be
 * fed, `take` makes codes of what it answers.
 */
export class Columns {
  readonly #decoder: Decoder;
  readonly #config: ModelConfig;
  readonly #job: CodesJob;
  readonly #pattern: DelayPattern;
  readonly #windows: Window[];
  readonly #scores: Float32Array;
  #sequence: DecoderSequence | undefined;
  /** Frames known before the window that is being made. */
  #known: number;
  /** Columns of the window that the decoder has been fed. */
  #fed = 0;
  /** The column of the window that is sampled next; 0 at the beginning of a window. */
  #column = 0;
  #frame: number;

  constructor(job: CodesJob, model: { decoder: Decoder; config: ModelConfig }) {
    const { codebooks, channels } = model.config.info;
    this.#decoder = model.decoder;
    this.#config = model.config;
    this.#job = job;
    this.#pattern = { codebooks, channels };
    this.#scores = new Float32Array(model.config.vocabSize);
    this.#known = job.known;
    this.#frame = job.known;
    const windows = planWindows(job.codes.length / codebooks, model.config.windowFrames);
    this.#windows = windows.filter(({ end }) => end > job.known);
  }

  /** How many frames are complete. */
  get frame(): number {
    return this.#frame;
  }

  get isDone(): boolean {
    return this.#windows.length === 0;
  }

  /** What to feed the decoder next: the known columns of a window (prefill), then the column sampled last. */
  next(): StepInput {
    const window = this.#windows[0] as Window;
    if (this.#sequence === undefined) {
      const columns = columnCount(this.#pattern, window.end - window.start);
      this.#sequence = this.#decoder.open(this.#job.rows, columns);
      this.#fed = 0;
    }
    if (this.#column === 0) this.#column = this.#known - window.start + 1;
    const columns = Math.min(this.#column - this.#fed, this.#decoder.prefillColumns ?? this.#column);
    const ids = this.#readColumns(window, this.#fed, columns);
    this.#fed += columns;
    return { sequence: this.#sequence, ids, columns };
  }

  /**
   * Samples the next column from the logits of the last one that was fed, [rows, codebooks, vocabulary].
   * @throws ServiceError `generation_failed` when they are not finite
   */
  take(logits: Float32Array): void {
    // Of a prefill in several parts, only the last part's logits are of use.
    if (this.#fed < this.#column) return;
    const window = this.#windows[0] as Window;
    this.#sampleColumn(window, logits);
    const length = window.end - window.start;
    this.#frame = Math.max(this.#frame, window.start + completeFrames(this.#pattern, this.#column));
    this.#column += 1;
    if (this.#column < columnCount(this.#pattern, length)) return;
    this.#known = window.end;
    this.#column = 0;
    this.#windows.shift();
    this.release();
  }

  /** Begins the decoder's sequence anew from the codes, which are all kept: after an error it is of no use any more. */
  rewind(): void {
    this.release();
  }

  /** Frees what the decoder holds for the piece. */
  release(): void {
    this.#sequence?.release();
    this.#sequence = undefined;
  }

  /** The ids of some columns of a window, [codebooks, columns]. */
  #readColumns({ start, end }: Window, from: number, columns: number): Int32Array {
    const { codebooks } = this.#pattern;
    const ids = new Int32Array(codebooks * columns).fill(this.#config.specialId);
    for (let codebook = 0; codebook < codebooks; codebook++) {
      for (let index = 0; index < columns; index++) {
        const frame = start + frameAt(this.#pattern, codebook, from + index);
        if (frame < start || frame >= end) continue;
        ids[codebook * columns + index] = this.#job.codes[frame * codebooks + codebook] as number;
      }
    }
    return ids;
  }

  /** Fills the free cells of a column. */
  #sampleColumn({ start, end }: Window, logits: Float32Array): void {
    const { codes, seed, settings } = this.#job;
    const { codebooks } = this.#pattern;
    for (let codebook = 0; codebook < codebooks; codebook++) {
      const frame = start + frameAt(this.#pattern, codebook, this.#column);
      if (frame < this.#known || frame >= end) continue;
      const scores = this.#guidedScores(logits, codebook);
      refuseUnlessFinite(scores, frame);
      // The column of the whole piece, so that no window sees the random numbers of another.
      const column = start + this.#column;
      codes[frame * codebooks + codebook] = pick(scores, settings, () => uniformAt(seed, column, codebook));
    }
  }

  #guidedScores(logits: Float32Array, codebook: number): Float32Array {
    const { rows, settings } = this.#job;
    const vocabSize = this.#scores.length;
    const row = (index: number) => logits.subarray(index * vocabSize, (index + 1) * vocabSize);
    this.#scores.set(row(codebook));
    if (rows.against !== undefined) {
      applyGuidance(this.#scores, row(this.#pattern.codebooks + codebook), settings.guidanceScale);
    }
    return this.#scores;
  }
}

function pick(scores: Float32Array, settings: SamplingSettings, uniform: () => number): number {
  if (isGreedy(settings)) return pickBest(scores);
  shapeScores(scores, settings);
  return draw(scores, uniform());
}

function refuseUnlessFinite(scores: Float32Array, frame: number): void {
  let sum = 0;
  for (let id = 0; id < scores.length; id++) sum += scores[id] as number;
  // No sum of float32 numbers leaves the range of a double, so it is finite if and only if all of them are.
  if (Number.isFinite(sum)) return;
  throw new ServiceError('generation_failed', `The model computed NaN or infinite logits at frame ${frame}`);
}

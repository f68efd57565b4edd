import { ServiceError } from '@musicgen/contract';
import { refuseIfAborted } from './cancellation.ts';
import type { Codes } from './checkpoint.ts';
import type { Decoder } from './decoders/decoder.ts';
import { columnCount, completeFrames, type DelayPattern, frameAt } from './delay-pattern.ts';
import type { ModelConfig } from './model-folder.ts';
import { uniformAt } from './random.ts';
import { applyGuidance, draw, isGreedy, pickBest, type SamplingSettings, shapeScores } from './sampler.ts';
import { type Condition, withUnconditional } from './text-encoder.ts';
import { planWindows, type Window } from './windows.ts';

/** A piece whose codes are being made. */
export interface CodesJob {
  decoder: Decoder;
  config: ModelConfig;
  /** One row; the unconditional one is added when guidance needs it. */
  condition: Condition;
  settings: SamplingSettings;
  seed: number;
  /** Filled in place, [frames, codebooks]. */
  codes: Codes;
  /** Frames at the start of `codes` that are there already. */
  known: number;
  signal?: AbortSignal;
  onFrame?: (frame: number) => void;
}

/**
 * Makes the codes of a piece, window by window.
 * @throws ServiceError `generation_failed`, `task_cancelled`
 */
export async function generateCodes(job: CodesJob): Promise<void> {
  const { codebooks, channels } = job.config.info;
  const isGuided = job.settings.guidanceScale > 1;
  const condition = isGuided ? withUnconditional(job.condition) : job.condition;
  let { known } = job;
  for (const window of planWindows(job.codes.length / codebooks, job.config.windowFrames)) {
    if (window.end <= known) continue;
    await generateWindow({ ...window, job: { ...job, condition, known }, pattern: { codebooks, channels } });
    known = window.end;
  }
}

/** A window whose frames are being made, from `job.known` on. */
interface OpenWindow extends Window {
  job: CodesJob;
  pattern: DelayPattern;
}

/** Makes the frames of one window that are not known yet: prefill of the known columns, then column by column. */
async function generateWindow(window: OpenWindow): Promise<void> {
  const { job, pattern, start, end } = window;
  const pass = job.decoder.begin(job.condition);
  const sampleColumn = createColumnSampler(window);
  const lastColumn = columnCount(pattern, end - start) - 1;
  let fed = 0;
  for (let column = job.known - start + 1; column <= lastColumn; column++) {
    refuseIfAborted(job.signal);
    const logits = await pass.feed(readColumns(window, fed, column), column - fed);
    fed = column;
    sampleColumn(column, logits);
    const frame = start + completeFrames(pattern, column);
    if (frame > job.known) job.onFrame?.(frame);
  }
}

/** The ids of columns `from` up to but without `to`, [rows, codebooks, columns]; all rows are fed the same. */
function readColumns({ job, pattern, start, end }: OpenWindow, from: number, to: number): Int32Array {
  const { codebooks } = pattern;
  const columns = to - from;
  const sequences = job.condition.rows * codebooks;
  const ids = new Int32Array(sequences * columns).fill(job.config.specialId);
  for (let sequence = 0; sequence < sequences; sequence++) {
    const codebook = sequence % codebooks;
    for (let index = 0; index < columns; index++) {
      const frame = start + frameAt(pattern, codebook, from + index);
      if (frame < start || frame >= end) continue;
      ids[sequence * columns + index] = job.codes[frame * codebooks + codebook] as number;
    }
  }
  return ids;
}

/** A function that fills the free cells of a column from its logits, [rows, codebooks, vocabulary]. */
function createColumnSampler(window: OpenWindow): (column: number, logits: Float32Array) => void {
  const { job, pattern, start, end } = window;
  const { codebooks } = pattern;
  const { vocabSize } = job.config;
  const isGuided = job.condition.rows === 2;
  const scores = new Float32Array(vocabSize);
  const rowOf = (logits: Float32Array, sequence: number) =>
    logits.subarray(sequence * vocabSize, (sequence + 1) * vocabSize);

  return (column, logits) => {
    for (let codebook = 0; codebook < codebooks; codebook++) {
      const frame = start + frameAt(pattern, codebook, column);
      if (frame < job.known || frame >= end) continue;
      scores.set(rowOf(logits, codebook));
      if (isGuided) applyGuidance(scores, rowOf(logits, codebooks + codebook), job.settings.guidanceScale);
      refuseUnlessFinite(scores, frame);
      // The column of the whole piece, so that no window sees the random numbers of another.
      const uniform = () => uniformAt(job.seed, start + column, codebook);
      job.codes[frame * codebooks + codebook] = pick(scores, job.settings, uniform);
    }
  };
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

import { ServiceError } from '@musicgen/contract';
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
  const guided = job.settings.guidanceScale > 1;
  const condition = guided ? withUnconditional(job.condition) : job.condition;
  const pattern = { codebooks, channels };
  let { known } = job;
  for (const window of planWindows(job.codes.length / codebooks, job.config.windowFrames)) {
    if (window.end <= known) continue;
    await generateWindow({ ...job, condition, known }, pattern, window);
    known = window.end;
  }
}

/** Makes the frames of one window that are not known yet: prefill of the known columns, then column by column. */
async function generateWindow(job: CodesJob, pattern: DelayPattern, window: Window): Promise<void> {
  const pass = job.decoder.begin(job.condition);
  const lastColumn = columnCount(pattern, window.end - window.start) - 1;
  const firstColumn = job.known - window.start + 1;
  const sample = createColumnSampler(job, pattern, window);
  let fed = 0;
  for (let column = firstColumn; column <= lastColumn; column++) {
    refuseIfAborted(job.signal);
    const ids = readColumns({ job, pattern, window, from: fed, to: column });
    const logits = await pass.feed(ids, column - fed);
    sample(column, logits);
    fed = column;
    const frame = window.start + completeFrames(pattern, column);
    if (frame > job.known) job.onFrame?.(frame);
  }
}

/** The ids of columns `from` up to but without `to`, [rows, codebooks, columns]; all rows are fed the same. */
function readColumns(span: {
  job: CodesJob;
  pattern: DelayPattern;
  window: Window;
  from: number;
  to: number;
}): Int32Array {
  const { job, pattern, window, from, to } = span;
  const columns = to - from;
  const { codebooks } = pattern;
  const frames = window.end - window.start;
  const ids = new Int32Array(job.condition.rows * codebooks * columns).fill(job.config.specialId);
  for (let sequence = 0; sequence < job.condition.rows * codebooks; sequence++) {
    const codebook = sequence % codebooks;
    for (let index = 0; index < columns; index++) {
      const frame = frameAt(pattern, codebook, from + index);
      if (frame < 0 || frame >= frames) continue;
      ids[sequence * columns + index] = job.codes[(window.start + frame) * codebooks + codebook] as number;
    }
  }
  return ids;
}

/** A function that fills the free cells of a column from its logits, [rows, codebooks, vocabulary]. */
function createColumnSampler(
  job: CodesJob,
  pattern: DelayPattern,
  window: Window,
): (column: number, logits: Float32Array) => void {
  const { settings, config, seed, codes } = job;
  const { codebooks } = pattern;
  const { vocabSize } = config;
  const guided = job.condition.rows === 2;
  const scores = new Float32Array(vocabSize);
  const logitsOf = (logits: Float32Array, sequence: number) =>
    logits.subarray(sequence * vocabSize, (sequence + 1) * vocabSize);

  return (column, logits) => {
    for (let codebook = 0; codebook < codebooks; codebook++) {
      const frame = window.start + frameAt(pattern, codebook, column);
      if (frame < job.known || frame >= window.end) continue;
      scores.set(logitsOf(logits, codebook));
      if (guided) applyGuidance(scores, logitsOf(logits, codebooks + codebook), settings.guidanceScale);
      refuseUnlessFinite(scores, frame);
      codes[frame * codebooks + codebook] = pick(scores, settings, () =>
        uniformAt(seed, window.start + column, codebook),
      );
    }
  };
}

function pick(scores: Float32Array, settings: SamplingSettings, uniform: () => number): number {
  if (isGreedy(settings)) return pickBest(scores);
  shapeScores(scores, settings);
  return draw(scores, uniform());
}

function refuseUnlessFinite(scores: Float32Array, frame: number): void {
  for (let id = 0; id < scores.length; id++) {
    if (Number.isFinite(scores[id])) continue;
    throw new ServiceError(
      'generation_failed',
      `The model computed NaN or infinite logits at frame ${frame}`,
    );
  }
}

/** @throws ServiceError `task_cancelled` once the signal has aborted; its cause is the signal's reason */
export function refuseIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new ServiceError('task_cancelled', 'The piece was cancelled while it was made', {
    cause: signal.reason,
  });
}

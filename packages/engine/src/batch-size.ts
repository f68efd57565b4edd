import type { SequenceRows } from './decoders/decoder.ts';
import type { Effort } from './generate.ts';
import type { Model } from './model.ts';
import type { ModelConfig } from './model-folder.ts';

/** How many pieces are made at once, and how fast. */
export interface BatchPlan {
  slots: number;
  speed: Speed;
}

/** Frames per second, as measured on this machine. */
export interface Speed {
  /** Of a piece that has the engine to itself. */
  alone: number;
  /** Of all pieces together while every slot is in use. */
  all: number;
}

/** A larger batch must make so many times the frames of the smaller one: each of its pieces takes longer. */
const worthwhileGain = 1.2;
const largestAuto = 8;
const measuredSteps = 5;
/** The weight of the latest second in the measured speed. */
const latestWeight = 0.1;

/**
 * Decides how many pieces to make at once: as many as asked for or, when that is left open, as many as the machine and
 * the decoder's layout gain by, and memory has room for.
 */
export async function planBatch(model: Model, wanted: number | undefined): Promise<BatchPlan> {
  const condition = await model.textEncoder.encode([model.tokenize('').ids]);
  const isGuided = model.config.info.defaults.guidanceScale > 1;
  const rows: SequenceRows = { condition, ...(isGuided && { against: 'nothing' }) };
  const alone = await measure(model, rows, 1);
  if (wanted !== undefined) {
    return {
      slots: wanted,
      speed: { alone, all: wanted === 1 ? alone : await measure(model, rows, wanted) },
    };
  }
  let plan: BatchPlan = { slots: 1, speed: { alone, all: alone } };
  // The standard layout runs one piece after another, so that nothing is gained and every piece takes longer.
  const sharesRuns = model.config.info.layout !== 'standard';
  const most = sharesRuns ? Math.min(largestAuto, piecesInMemory(model.config)) : 1;
  for (let slots = 2; slots <= most; slots *= 2) {
    const all = await measure(model, rows, slots);
    if (all < worthwhileGain * plan.speed.all) break;
    plan = { slots, speed: { alone, all } };
  }
  return plan;
}

/** Follows the speed slowly, so that one moment's disturbance does not decide what waiting callers are promised. */
export function learnSpeed(speed: Speed, effort: Effort, slots: number): Speed {
  const pieces = effort.columns / effort.steps;
  const framesPerSecond = effort.columns / effort.stepSeconds;
  const follow = (known: number) => known + (framesPerSecond - known) * latestWeight;
  return {
    alone: pieces < 1.25 ? follow(speed.alone) : speed.alone,
    all: pieces > slots - 0.25 ? follow(speed.all) : speed.all,
  };
}

/** Frames per second of so many pieces together: the best of a few steps, as another process may have disturbed some. */
async function measure({ decoder, config }: Model, rows: SequenceRows, pieces: number): Promise<number> {
  const ids = new Int32Array(config.info.codebooks).fill(config.specialId);
  const sequences = Array.from({ length: pieces }, () => decoder.open(rows));
  let best = Number.POSITIVE_INFINITY;
  // The first step is another one: it computes what comes from the text.
  for (let step = 0; step <= measuredSteps; step++) {
    const startedAt = performance.now();
    await decoder.step(sequences.map((sequence) => ({ sequence, ids, columns: 1 })));
    if (step > 0) best = Math.min(best, (performance.now() - startedAt) / 1000);
  }
  for (const sequence of sequences) sequence.release();
  return pieces / best;
}

/** How many full key/value caches fit into half of the memory that is free. */
function piecesInMemory({ decoderLayers, decoderWidth, windowFrames }: ModelConfig): number {
  const rows = 2;
  const bytes = rows * decoderLayers * 2 * decoderWidth * windowFrames * Float32Array.BYTES_PER_ELEMENT;
  return Math.max(1, Math.floor(process.availableMemory() / 2 / bytes));
}

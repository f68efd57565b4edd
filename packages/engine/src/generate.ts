import { type ServiceError, toServiceError } from '@musicgen/contract';
import { cancelled } from './cancellation.ts';
import type { StepInput } from './decoders/decoder.ts';
import { failureCode } from './failure-code.ts';
import type { Model } from './model.ts';
import type { GenerateOptions, Piece, PieceRequest } from './piece.ts';
import { PieceRun } from './piece-run.ts';
import { secondsInRuns } from './sessions.ts';

/** The pieces a model makes at the same time. */
export interface Batch {
  /**
   * Makes a piece: prompt → text states → codes, frame by frame → audio. It begins when there is room for it, in the
   * order of the calls, and does not depend on what is made beside it.
   * @throws ServiceError `invalid_request`, `generation_failed`, `out_of_memory`, or `task_cancelled` once the signal
   * has aborted
   */
  generate(request: PieceRequest, options?: GenerateOptions): Promise<Piece>;
  /** What has been done since this was called last. */
  takeEffort(): Effort;
}

/** Work that was done, for metrics and measured speeds. */
export interface Effort {
  /** Turns in which the decoder was stepped. */
  steps: number;
  /** Columns that were made, over all pieces. */
  columns: number;
  /** Rows the decoder computed, over all steps: two for a piece with guidance. */
  rows: number;
  /** Of turns with steps and nothing else, and the share of it inside ONNX Runtime. */
  stepSeconds: number;
  runSeconds: number;
}

/** A piece that waits or runs, and whom to tell. */
interface Entry {
  run: PieceRun;
  signal: AbortSignal | undefined;
  isAlone: boolean;
  resolve(piece: Piece): void;
  reject(error: ServiceError): void;
}

/**
 * Makes pieces together, up to `slots` at once: they join and leave at any step.
 *
 * Each turn steps the decoder once for every piece that is being generated. Everything else (encoding text, decoding
 * audio) is done in bounded units between the steps, and takes at most half of the time, so that no piece holds up the
 * others for long.
 */
export function createBatch(model: Model, { slots }: { slots: number }): Batch {
  const waiting: Entry[] = [];
  /** In the order in which they get to work besides steps. */
  const running: Entry[] = [];
  let effort = noEffort();
  let isTurning = false;
  /** Seconds that steps must take before the next unit of other work. */
  let owedSeconds = 0;
  /** Pieces stepped together; fewer after a step failed that succeeded in parts, for lack of memory. */
  let together = Number.POSITIVE_INFINITY;

  async function turnWhileNeeded(): Promise<void> {
    if (isTurning) return;
    isTurning = true;
    for (admit(); running.length > 0; admit()) await turn();
    isTurning = false;
  }

  /** Lets pieces in, first come first served. One that must be alone waits for an empty batch, and others for it. */
  function admit(): void {
    dropCancelled();
    while (waiting.length > 0 && running.length < slots) {
      const next = waiting[0] as Entry;
      if (running.length > 0 && (next.isAlone || running.some((entry) => entry.isAlone))) return;
      running.push(next);
      waiting.shift();
    }
  }

  async function turn(): Promise<void> {
    const generating = running.filter(({ run }) => run.isGenerating);
    const stepSeconds = await timed(() => stepInGroups(generating));
    owedSeconds = generating.length === 0 ? 0 : owedSeconds - stepSeconds;
    effort.stepSeconds += stepSeconds;
    if (owedSeconds <= 0) owedSeconds = await timed(doOtherWork);
    finishDone();
  }

  async function stepInGroups(entries: Entry[]): Promise<void> {
    const groupSize = Math.min(together, Math.max(1, entries.length));
    for (let from = 0; from < entries.length; from += groupSize) {
      await step(entries.slice(from, from + groupSize));
    }
    if (entries.length > 0) effort.steps += 1;
  }

  /** Steps the decoder for some pieces at once. When that fails, in halves: a piece that fails alone is the one. */
  async function step(entries: Entry[]): Promise<void> {
    const inputs = entries.map(({ run }) => run.nextInput());
    try {
      const runsBefore = secondsInRuns();
      const logits = await model.decoder.step(inputs);
      effort.runSeconds += secondsInRuns() - runsBefore;
      for (const [index, entry] of entries.entries()) take(entry, logits[index] as Float32Array);
      count(inputs);
    } catch (error) {
      if (entries.length === 1) return fail(entries[0] as Entry, error);
      await stepHalves(entries);
    }
  }

  async function stepHalves(entries: Entry[]): Promise<void> {
    for (const { run } of entries) run.rewind();
    const half = Math.ceil(entries.length / 2);
    await step(entries.slice(0, half));
    await step(entries.slice(half));
    // No single piece was to blame, so it was their number.
    if (entries.every((entry) => running.includes(entry))) together = Math.min(together, half);
  }

  function take(entry: Entry, logits: Float32Array): void {
    try {
      entry.run.take(logits);
    } catch (error) {
      fail(entry, error);
    }
  }

  function count(inputs: StepInput[]): void {
    effort.columns += inputs.length;
    effort.rows += inputs.reduce((sum, { sequence }) => sum + sequence.rows, 0);
  }

  /** One unit for the piece that has waited longest for its turn. */
  async function doOtherWork(): Promise<void> {
    const index = running.findIndex(({ run }) => run.hasWork);
    const [entry] = index < 0 ? [] : running.splice(index, 1);
    if (entry === undefined) return;
    running.push(entry);
    await entry.run.work().catch((error: unknown) => fail(entry, error));
  }

  function finishDone(): void {
    for (const entry of running.filter(({ run }) => run.isFinished)) {
      leave(entry);
      try {
        entry.resolve(entry.run.piece());
      } catch (error) {
        fail(entry, error);
      }
    }
  }

  function dropCancelled(): void {
    for (const entry of [...waiting, ...running]) {
      if (entry.signal?.aborted) fail(entry, cancelled(entry.signal));
    }
  }

  function fail(entry: Entry, error: unknown): void {
    leave(entry);
    entry.reject(toServiceError(error, failureCode(error)));
  }

  function leave(entry: Entry): void {
    entry.run.release();
    for (const list of [waiting, running]) {
      const place = list.indexOf(entry);
      if (place >= 0) list.splice(place, 1);
    }
  }

  return {
    async generate(request, options = {}) {
      const { signal, company } = options;
      const run = new PieceRun(model, request, options);
      return new Promise((resolve, reject) => {
        waiting.push({ run, signal, isAlone: company === 'alone', resolve, reject });
        void turnWhileNeeded();
      });
    },
    takeEffort() {
      const taken = effort;
      effort = noEffort();
      return taken;
    },
  };
}

function noEffort(): Effort {
  return { steps: 0, columns: 0, rows: 0, stepSeconds: 0, runSeconds: 0 };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

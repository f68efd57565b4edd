/**
 * The engine's child process: loads a model, then makes pieces, several at once. It has a process of its own because a
 * run of ONNX Runtime blocks the event loop, cannot be interrupted, and may be killed for memory.
 *
 * Started as `engine-process.js <options as JSON>`; speaks with its parent over the IPC channel only.
 */
import { type ErrorCode, ServiceError, toServiceError } from '@musicgen/contract';
import { type BatchPlan, planBatch } from './batch-size.ts';
import type { Stretch } from './codecs/codec.ts';
import type { Placement } from './execution-providers.ts';
import { type Batch, createBatch, type Effort } from './generate.ts';
import { type LoadOptions, loadModel, type Model } from './model.ts';
import type { ModelInfo } from './model-folder.ts';
import type { GenerateOptions, Piece, PieceProgress, PieceRequest } from './piece.ts';

export interface ProcessOptions extends LoadOptions {
  /** Pieces made at once; absent: what the machine gains by. */
  maxBatch?: number;
}

interface GenerateCommand extends Pick<GenerateOptions, 'checkpoint' | 'company'> {
  type: 'generate';
  /** Tells pieces apart. */
  id: number;
  request: PieceRequest;
  /** Whether stretches of audio are to be reported while the rest is made. */
  preview: 'wanted' | 'none';
}

/** What the parent asks for. */
export type EngineCommand = GenerateCommand | { type: 'cancel'; id: number };

/** What the child answers. */
export type EngineReport =
  | { type: 'ready'; model: ModelInfo; plan: BatchPlan; placements: Placement[]; memoryBytes: number }
  | { type: 'load-failed'; error: ReportedError }
  | { type: 'progress'; id: number; progress: PieceProgress }
  | { type: 'preview'; id: number; stretch: Stretch }
  | { type: 'done'; id: number; piece: Piece }
  | { type: 'failed'; id: number; error: ReportedError }
  | { type: 'effort'; effort: Effort; memoryBytes: number };

/** An error in a form that survives the channel. */
export interface ReportedError {
  code: ErrorCode;
  message: string;
}

const effortIntervalMs = 1000;

function report(message: EngineReport): void {
  // Without a parent there is nobody left to tell, and `disconnect` is about to end this process.
  if (process.connected) process.send?.(message);
}

function describe(error: unknown, fallback: ErrorCode): ReportedError {
  const { code, message } = toServiceError(error, fallback);
  return { code, message };
}

/** Makes the pieces that are asked for. */
function serve(batch: Batch): void {
  const cancellations = new Map<number, AbortController>();

  async function generate({ id, request, checkpoint, company, preview }: GenerateCommand): Promise<void> {
    const cancellation = new AbortController();
    cancellations.set(id, cancellation);
    try {
      const piece = await batch.generate(request, {
        signal: cancellation.signal,
        checkpoint,
        company,
        onProgress: (progress) => report({ type: 'progress', id, progress }),
        ...(preview === 'wanted' && { onPreview: (stretch) => report({ type: 'preview', id, stretch }) }),
      });
      report({ type: 'done', id, piece });
    } catch (error) {
      report({ type: 'failed', id, error: describe(error, 'generation_failed') });
    }
    cancellations.delete(id);
  }

  process.on('message', (command: EngineCommand) => {
    switch (command.type) {
      case 'generate':
        void generate(command);
        return;
      case 'cancel':
        cancellations.get(command.id)?.abort();
        return;
      default:
        command satisfies never;
    }
  });
}

function reportEffort(batch: Batch): void {
  setInterval(() => {
    const effort = batch.takeEffort();
    if (effort.steps > 0) report({ type: 'effort', effort, memoryBytes: process.memoryUsage.rss() });
  }, effortIntervalMs);
}

/**
 * Makes a piece of one frame: what files alone do not show (sizes that do not match, an operator that fails, too little
 * memory) shows now, and not in the first task.
 */
async function tryOut(model: Model): Promise<void> {
  const request = { prompt: '', durationSeconds: 1 / model.config.info.frameRate, seed: 0 };
  const batch = createBatch(model, { slots: 1 });
  await batch.generate(request).catch((error: unknown) => {
    const { message } = toServiceError(error);
    throw new ServiceError('model_load_failed', `The model was loaded but cannot be run: ${message}`);
  });
}

async function main({ maxBatch, ...loading }: ProcessOptions): Promise<void> {
  // A parent that dies, however it dies, closes the channel; a signal meant for the whole group is the parent's to heed.
  process.on('disconnect', () => process.exit(0));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  try {
    const model = await loadModel(loading);
    await tryOut(model);
    const plan = await planBatch(model, maxBatch);
    const batch = createBatch(model, plan);
    serve(batch);
    reportEffort(batch);
    const { config, placements } = model;
    report({ type: 'ready', model: config.info, plan, placements, memoryBytes: process.memoryUsage.rss() });
  } catch (error) {
    report({ type: 'load-failed', error: describe(error, 'model_load_failed') });
    process.disconnect?.();
  }
}

await main(JSON.parse(process.argv[2] ?? '{}') as ProcessOptions);

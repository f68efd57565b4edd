/**
 * The engine's child process: loads a model, then makes pieces one after another. It has a process of its own because
 * a run of ONNX Runtime blocks the event loop, cannot be interrupted, and may be killed for memory.
 *
 * Started as `engine-process.js <model folder> [threads]`; speaks with its parent over the IPC channel only.
 */
import { type ErrorCode, ServiceError, toServiceError } from '@musicgen/contract';
import { loadModel, type Model } from './model.ts';
import type { ModelInfo } from './model-folder.ts';
import { generatePiece, type Piece, type PieceProgress, type PieceRequest } from './piece.ts';

interface GenerateCommand {
  type: 'generate';
  /** Tells pieces apart. */
  id: number;
  request: PieceRequest;
  checkpoint?: Buffer;
}

/** What the parent asks for. */
export type EngineCommand = GenerateCommand | { type: 'cancel'; id: number };

/** What the child answers. */
export type EngineReport =
  | { type: 'ready'; model: ModelInfo }
  | { type: 'load-failed'; error: ReportedError }
  | { type: 'progress'; id: number; progress: PieceProgress }
  | { type: 'done'; id: number; piece: Piece }
  | { type: 'failed'; id: number; error: ReportedError };

/** An error in a form that survives the channel. */
export interface ReportedError {
  code: ErrorCode;
  message: string;
}

function report(message: EngineReport): void {
  // Without a parent there is nobody left to tell, and `disconnect` is about to end this process.
  if (process.connected) process.send?.(message);
}

function describe(error: unknown, fallback: ErrorCode): ReportedError {
  const { code, message } = toServiceError(error, fallback);
  return { code, message };
}

/** Makes pieces in the order they were asked for. */
function serve(model: Model): void {
  const waiting: GenerateCommand[] = [];
  let current: { id: number; cancellation: AbortController } | undefined;

  async function generate({ id, request, checkpoint }: GenerateCommand): Promise<void> {
    const cancellation = new AbortController();
    current = { id, cancellation };
    const { signal } = cancellation;
    const onProgress = (progress: PieceProgress) => report({ type: 'progress', id, progress });
    try {
      report({
        type: 'done',
        id,
        piece: await generatePiece(model, request, { signal, checkpoint, onProgress }),
      });
    } catch (error) {
      report({ type: 'failed', id, error: describe(error, 'generation_failed') });
    }
    current = undefined;
  }

  async function work(): Promise<void> {
    for (let next = waiting.shift(); next; next = waiting.shift()) await generate(next);
  }

  function cancel(id: number): void {
    if (current?.id === id) current.cancellation.abort();
    const place = waiting.findIndex((command) => command.id === id);
    if (place < 0) return;
    waiting.splice(place, 1);
    report({ type: 'failed', id, error: { code: 'task_cancelled', message: 'The piece was cancelled' } });
  }

  process.on('message', (command: EngineCommand) => {
    switch (command.type) {
      case 'generate':
        waiting.push(command);
        if (current === undefined) void work();
        return;
      case 'cancel':
        cancel(command.id);
        return;
      default:
        command satisfies never;
    }
  });
}

/**
 * Makes a piece of one frame: what files alone do not show (sizes that do not match, an operator that fails, too little
 * memory) shows now, and not in the first task.
 */
async function tryOut(model: Model): Promise<void> {
  const request = { prompt: '', durationSeconds: 1 / model.config.info.frameRate, seed: 0 };
  await generatePiece(model, request).catch((error: unknown) => {
    const { message } = toServiceError(error);
    throw new ServiceError('model_load_failed', `The model was loaded but cannot be run: ${message}`);
  });
}

async function main(modelFolder: string | undefined, threads: string | undefined): Promise<void> {
  if (modelFolder === undefined)
    throw new ServiceError('internal', 'The engine needs the path of a model folder');
  // A parent that dies, however it dies, closes the channel; a signal meant for the whole group is the parent's to heed.
  process.on('disconnect', () => process.exit(0));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  try {
    const model = await loadModel({
      modelFolder,
      threads: threads === undefined ? undefined : Number(threads),
    });
    await tryOut(model);
    serve(model);
    report({ type: 'ready', model: model.config.info });
  } catch (error) {
    report({ type: 'load-failed', error: describe(error, 'model_load_failed') });
    process.disconnect?.();
  }
}

await main(process.argv[2], process.argv[3]);

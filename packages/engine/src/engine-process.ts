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

/** What the parent asks for. `id` tells pieces apart. */
export type EngineCommand =
  | { type: 'generate'; id: number; request: PieceRequest; checkpoint?: Buffer }
  | { type: 'cancel'; id: number };

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

function describe(error: unknown): ReportedError {
  const { code, message } = toServiceError(error, 'generation_failed');
  return { code, message };
}

/** Makes pieces in the order they were asked for. */
function serve(model: Model): void {
  const cancellations = new Map<number, AbortController>();
  let previous: Promise<void> = Promise.resolve();

  async function generate({ id, request, checkpoint }: EngineCommand & { type: 'generate' }): Promise<void> {
    try {
      const piece = await generatePiece(model, request, {
        signal: cancellations.get(id)?.signal,
        checkpoint,
        onProgress: (progress) => report({ type: 'progress', id, progress }),
      });
      report({ type: 'done', id, piece });
    } catch (error) {
      report({ type: 'failed', id, error: describe(error) });
    } finally {
      cancellations.delete(id);
    }
  }

  process.on('message', (command: EngineCommand) => {
    switch (command.type) {
      case 'generate':
        cancellations.set(command.id, new AbortController());
        previous = previous.then(() => generate(command));
        return;
      case 'cancel':
        cancellations.get(command.id)?.abort();
        return;
      default:
        command satisfies never;
    }
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
    serve(model);
    report({ type: 'ready', model: model.config.info });
  } catch (error) {
    const { code, message } = toServiceError(error, 'model_load_failed');
    report({ type: 'load-failed', error: { code, message } });
    process.disconnect?.();
  }
}

await main(process.argv[2], process.argv[3]);

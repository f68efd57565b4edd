import { Worker } from 'node:worker_threads';
import { ServiceError } from '@musicgen/contract';
import { type FinishedPiece, type FinishJob, finishPiece, type Rendition } from './audio-job.ts';

export type ThreadJob =
  | { type: 'finish'; piece: FinishJob }
  | { type: 'render'; wav: Uint8Array; rendition: Rendition };

/** A piece of an hour takes some 80 s on a slow core; what takes longer hangs. */
const timeoutMs = 300_000;

/** So few samples are a WAV file in a few milliseconds: less than a thread takes to start. */
const fewSamples = 64_000;

/** The compiled entry, for callers that run from `src/` as well. */
const entry = new URL('../dist/audio-thread.js', import.meta.url);

/**
 * Turns generated samples into files, and measures them, without blocking the caller's event loop.
 * @throws ServiceError `encoding_failed`.
 */
export async function finishPieceInThread(piece: FinishJob): Promise<FinishedPiece> {
  const total = piece.samples.reduce((sum, { length }) => sum + length, 0);
  if (total <= fewSamples && piece.format === 'wav') return finishPiece(piece);
  return runInThread<FinishedPiece>({ type: 'finish', piece });
}

/**
 * Makes a rendition of a WAV file of ours without blocking the caller's event loop.
 * @throws ServiceError `encoding_failed`.
 */
export function renderInThread(wav: Uint8Array, rendition: Rendition): Promise<Uint8Array> {
  return runInThread<Uint8Array>({ type: 'render', wav, rendition });
}

/** Starting a thread takes some 50 ms; in return none keeps memory, and one that hangs or dies harms no other job. */
async function runInThread<Result>(workerData: ThreadJob): Promise<Result> {
  const thread = new Worker(entry, { workerData, execArgv: [] });
  const timer = setTimeout(() => void thread.terminate(), timeoutMs);
  try {
    return await new Promise<Result>((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
      thread.once('exit', (code) => reject(new Error(`The thread ended with code ${code}.`)));
    });
  } catch (error) {
    throw new ServiceError('encoding_failed', 'The audio could not be encoded.', { cause: error });
  } finally {
    clearTimeout(timer);
    void thread.terminate();
  }
}

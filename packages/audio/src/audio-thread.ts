import { parentPort, workerData } from 'node:worker_threads';
import { finishPiece, render } from './audio-job.ts';
import type { ThreadJob } from './run-in-thread.ts';

/** One thread, one job: what it allocated goes with it. */
const job: ThreadJob = workerData;
if (job.type === 'finish') {
  const piece = await finishPiece(job.piece);
  parentPort?.postMessage(piece, ownedBuffers([piece.wav, piece.other]));
} else {
  const file = await render(job.wav, job.rendition);
  parentPort?.postMessage(file, ownedBuffers([file]));
}

/** What can be handed over instead of copied: Node keeps small buffers together in one that must stay. */
function ownedBuffers(files: readonly (Uint8Array | undefined)[]): ArrayBuffer[] {
  return files.flatMap((file) =>
    file !== undefined && file.buffer instanceof ArrayBuffer && file.buffer.byteLength === file.byteLength
      ? [file.buffer]
      : [],
  );
}

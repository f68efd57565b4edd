import { refuseIfAborted } from './cancellation.ts';
import { type CodesJob, Columns } from './columns.ts';
import type { Decoder } from './decoders/decoder.ts';
import type { ModelConfig } from './model-folder.ts';

/**
 * Makes the codes of a piece, column by column.
 * @throws ServiceError `generation_failed`, `task_cancelled`
 */
export async function generateCodes(
  job: CodesJob,
  model: { decoder: Decoder; config: ModelConfig },
  { signal, onFrame }: { signal?: AbortSignal; onFrame?: (frame: number) => void } = {},
): Promise<void> {
  const columns = new Columns(job, model);
  try {
    while (!columns.isDone) {
      refuseIfAborted(signal);
      const before = columns.frame;
      const [logits] = await model.decoder.step([columns.next()]);
      columns.take(logits as Float32Array);
      if (columns.frame > before) onFrame?.(columns.frame);
    }
  } finally {
    columns.release();
  }
}

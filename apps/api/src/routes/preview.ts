import { audioFormats, isTerminal, ServiceError } from '@musicgen/contract';
import type { TaskProducer, TaskRecord } from '@musicgen/queue';
import { type ArtifactStore, previewKey } from '@musicgen/storage';
import type { Response } from 'express';
import { RetryLater } from '../retry-later.ts';
import { sendFile } from '../send-file.ts';
import { taskOf } from './task-id.ts';

export interface PreviewOptions {
  id: string;
  producer: TaskProducer;
  store: ArtifactStore;
}

/** A worker replaces the file every few seconds, so it may be another one by the time it is read. */
const mostTries = 3;
const askAgainAfterSeconds = 2;

/**
 * Sends the audio that a task has made so far. Each time the file is longer, and begins with what it held before, so a
 * player may ask for the bytes it lacks.
 * @returns the task when it has ended, and what there is now is its finished audio or none; nothing was sent then
 * @throws ServiceError `task_not_finished` when nothing can be heard yet, and those of `taskOf` and `sendFile`.
 */
export async function sendPreview(res: Response, options: PreviewOptions): Promise<TaskRecord | undefined> {
  for (let tries = 1; ; tries++) {
    const record = await taskOf(options.id, options.producer, res);
    if (isTerminal(record.status)) return record;
    try {
      await sendStored(res, record, options.store);
      return undefined;
    } catch (error) {
      if (!(error instanceof ServiceError && error.code === 'gone') || tries >= mostTries) throw error;
    }
  }
}

async function sendStored(res: Response, record: TaskRecord, store: ArtifactStore): Promise<void> {
  const artifact = await store.open(previewKey(record.id));
  if (artifact === undefined) {
    const detail =
      record.request.preview === true
        ? 'There is nothing to be heard of the task yet; ask again soon.'
        : 'The task was submitted without `preview`, so it cannot be heard before it has finished.';
    throw new RetryLater('task_not_finished', detail, { retryAfterSeconds: askAgainAfterSeconds });
  }
  await sendFile(res, {
    artifact,
    contentType: audioFormats.wav,
    etag: `"preview-${record.attempt}.${record.stalls}-${artifact.bytes}"`,
    ranges: 'bytes',
  });
}

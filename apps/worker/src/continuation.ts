import { buffer } from 'node:stream/consumers';
import { decodeWav } from '@musicgen/audio';
import { type AcceptedRequest, ServiceError, type TaskResult } from '@musicgen/contract';
import type { Continuation } from '@musicgen/engine';
import { type ArtifactStore, audioKey, codesKey, uploadKey } from '@musicgen/storage';

/** What is known of a task's result, or nothing when there is no such task or it has none. */
export type FindResult = (taskId: string) => Promise<TaskResult | undefined>;

export interface ContinuationOptions {
  store: ArtifactStore;
  findResult: FindResult;
  /** Of the task that goes on: uploads are found by their owner alone. */
  owner: string | undefined;
  /** The model that is to go on. */
  model: string;
}

/**
 * Fetches what a task goes on from: the codes of an earlier task of the same model, which it goes on from without a
 * seam, else the audio.
 * @throws ServiceError `gone` when it has been removed, `unreadable_audio`
 */
export async function fetchContinuation(
  source: NonNullable<AcceptedRequest['continue_from']>,
  { store, findResult, owner, model }: ContinuationOptions,
): Promise<Continuation> {
  if ('upload_id' in source) {
    const key = uploadKey({ owner, uploadId: source.upload_id });
    return decodeWav(await fetchArtifact(store, key));
  }
  const { task_id: taskId } = source;
  const result = await findResult(taskId);
  if (result === undefined) throw gone();
  if (result.model === model) {
    const codes = await store.open(codesKey(taskId, result.sha256));
    if (codes !== undefined) return { codes: await buffer(await codes.read()) };
  }
  return decodeWav(await fetchArtifact(store, audioKey(taskId, result.sha256)));
}

async function fetchArtifact(store: ArtifactStore, key: string): Promise<Buffer> {
  const artifact = await store.open(key);
  if (artifact === undefined) throw gone();
  return await buffer(await artifact.read());
}

function gone(): ServiceError {
  return new ServiceError('gone', 'The audio to go on from has been removed meanwhile.');
}

import type { GenerateRequest } from '@musicgen/contract';
import { uploadKey } from '@musicgen/storage';
import type { Response } from 'express';
import type { AppOptions } from './app.ts';
import { callerOf, maySee } from './caller.ts';
import { invalidBody } from './invalid-request.ts';
import { type NewTasks, pathOf } from './new-tasks.ts';
import { timestamp } from './timestamps.ts';
import { uploadExpiry } from './uploads.ts';

/**
 * Whether there is what the requests want to go on from: a finished task, or an upload, that the caller may see.
 * @throws InvalidRequest naming each field that points at nothing.
 */
export async function checkContinuation(
  tasks: NewTasks,
  res: Response,
  options: Pick<AppOptions, 'producer' | 'store'>,
): Promise<void> {
  if (tasks.requests.every((request) => request.continue_from === undefined)) return;
  const problems = await Promise.all(tasks.requests.map((request) => problemWith(request, res, options)));
  const issues = problems.flatMap((message, index) =>
    message === undefined
      ? []
      : [
          {
            code: 'custom' as const,
            path: [...pathOf(tasks, index), 'continue_from'],
            message,
            input: undefined,
          },
        ],
  );
  if (issues.length > 0) throw invalidBody({ issues });
}

async function problemWith(
  { continue_from: source, ttl }: GenerateRequest,
  res: Response,
  { producer, store }: Pick<AppOptions, 'producer' | 'store'>,
): Promise<string | undefined> {
  if (source === undefined) return undefined;
  const { owner } = callerOf(res);
  if ('upload_id' in source) return problemWithUpload(source.upload_id, { owner, ttl, store });
  const record = await producer.get(source.task_id.toLowerCase());
  if (record === undefined || !maySee(callerOf(res), record)) return 'there is no task of yours with this id';
  return record.status === 'completed' ? undefined : 'the task has not been completed';
}

interface UploadUse extends Pick<AppOptions, 'store'> {
  owner: string | undefined;
  /** Of the task that is to go on from it, in seconds. */
  ttl: number;
}

/** A task may be claimed at the last moment of its life, and must find it then. */
async function problemWithUpload(
  uploadId: string,
  { owner, ttl, store }: UploadUse,
): Promise<string | undefined> {
  const expiresAt = uploadExpiry(uploadId);
  const isThere =
    expiresAt !== undefined &&
    expiresAt > Date.now() &&
    (await store.open(uploadKey({ owner, uploadId }))) !== undefined;
  if (!isThere) return 'there is no upload of yours with this id';
  return expiresAt < Date.now() + ttl * 1000
    ? `the upload is removed at ${timestamp(expiresAt)}, while the task may still wait; lower ttl, or send the audio again`
    : undefined;
}

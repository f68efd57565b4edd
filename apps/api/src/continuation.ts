import type { GenerateRequest } from '@musicgen/contract';
import { uploadKey } from '@musicgen/storage';
import type { Response } from 'express';
import type { AppOptions } from './app.ts';
import { callerOf, maySee } from './caller.ts';
import { invalidBody } from './invalid-request.ts';
import { type NewTasks, pathOf } from './new-tasks.ts';

/**
 * Whether there is what the requests want to go on from: a finished task, or an upload, that the caller may see.
 * @throws InvalidRequest naming each field that points at nothing.
 */
export async function checkContinuation(
  tasks: NewTasks,
  res: Response,
  options: Pick<AppOptions, 'producer' | 'store'>,
): Promise<void> {
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
  { continue_from: source }: GenerateRequest,
  res: Response,
  { producer, store }: Pick<AppOptions, 'producer' | 'store'>,
): Promise<string | undefined> {
  if (source === undefined) return undefined;
  if ('upload_id' in source) {
    return (await store.open(uploadKey(source.upload_id))) === undefined
      ? 'there is no upload of yours with this id'
      : undefined;
  }
  const record = await producer.get(source.task_id.toLowerCase());
  if (record === undefined || !maySee(callerOf(res), record)) return 'there is no task of yours with this id';
  return record.status === 'completed' ? undefined : 'the task has not been completed';
}

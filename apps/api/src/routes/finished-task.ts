import { type ErrorCode, ServiceError, type TaskResult, type TaskStatus } from '@musicgen/contract';
import type { TaskProducer, TaskRecord } from '@musicgen/queue';
import type { Response } from 'express';
import { storedResult } from '../task-view.ts';
import { taskOf } from './task-id.ts';

/** Why what belongs to a finished task cannot be had, for the document of its routes. */
export const finishedTaskErrors = [
  'not_found',
  'task_not_finished',
  'task_failed',
  'task_cancelled',
  'task_expired',
  'gone',
  'dependency_unavailable',
] as const satisfies ErrorCode[];

const withoutResult: Record<Exclude<TaskStatus, 'completed'>, [ErrorCode, string]> = {
  pending: ['task_not_finished', 'The task is still waiting; follow its events or ask again later.'],
  processing: [
    'task_not_finished',
    'The task is still being worked on; follow its events or ask again later.',
  ],
  failed: ['task_failed', 'The task failed, so there is no audio.'],
  cancelled: ['task_cancelled', 'The task was cancelled, so there is no audio.'],
  expired: ['task_expired', 'The task expired before it was finished, so there is no audio.'],
};

export interface FinishedTask {
  record: TaskRecord;
  result: TaskResult;
}

/** @throws ServiceError one of `finishedTaskErrors`, but for `gone`. */
export async function finishedTask(id: string, producer: TaskProducer, res: Response): Promise<FinishedTask> {
  const record = await taskOf(id, producer, res);
  if (record.status !== 'completed') throw new ServiceError(...withoutResult[record.status]);
  return { record, result: storedResult(record) };
}

/** @throws ServiceError `gone` when there is nothing. */
export function requireStored<Stored>(stored: Stored | undefined): Stored {
  if (stored !== undefined) return stored;
  throw new ServiceError('gone', 'The audio of this task has been removed.');
}

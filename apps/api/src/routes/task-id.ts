import { ServiceError } from '@musicgen/contract';
import type { TaskProducer, TaskRecord } from '@musicgen/queue';
import type { Response } from 'express';
import { z } from 'zod';
import { callerOf, maySee } from '../caller.ts';

/** The path of one task; anything that no task can be called is not found. */
export const taskParams = z.object({
  id: z
    .uuid()
    .transform((id) => id.toLowerCase())
    .describe("The task's id."),
});

/**
 * A task that the caller may see, for the request's log line too; to others it is as if there were none.
 * @throws ServiceError `not_found`, or `gone` for one that was removed within the last day.
 */
export async function taskOf(id: string, producer: TaskProducer, res: Response): Promise<TaskRecord> {
  res.locals.about ??= { task_id: id };
  const record = await producer.get(id);
  if (record !== undefined && maySee(callerOf(res), record)) return record;
  if (record === undefined && (await producer.wasRemoved(id)))
    throw new ServiceError('gone', 'The task has been removed.');
  throw new ServiceError('not_found', 'There is no task with this id.');
}

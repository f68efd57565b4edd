import { ServiceError } from '@musicgen/contract';
import type { TaskProducer, TaskRecord } from '@musicgen/queue';
import { z } from 'zod';

/** The path of one task; anything that no task can be called is not found. */
export const taskParams = z.object({
  id: z
    .uuid()
    .transform((id) => id.toLowerCase())
    .describe("The task's id."),
});

/** @throws ServiceError `not_found`. */
export async function taskOf(id: string, producer: TaskProducer): Promise<TaskRecord> {
  const record = await producer.get(id);
  if (record !== undefined) return record;
  throw new ServiceError('not_found', 'There is no task with this id.');
}

import { ServiceError } from '@musicgen/contract';
import type { TaskProducer, TaskRecord } from '@musicgen/queue';
import type { Request } from 'express';
import { z } from 'zod';

const idSchema = z.uuid();

/** The id in a task's path. @throws ServiceError `not_found` for anything that no task can be called. */
export function taskIdOf(req: Request): string {
  const parsed = idSchema.safeParse(req.params.id);
  if (parsed.success) return parsed.data.toLowerCase();
  throw new ServiceError('not_found', 'There is no task with this id.');
}

/** @throws ServiceError `not_found`. */
export async function taskOf(req: Request, producer: TaskProducer): Promise<TaskRecord> {
  const record = await producer.get(taskIdOf(req));
  if (record !== undefined) return record;
  throw new ServiceError('not_found', 'There is no task with this id.');
}

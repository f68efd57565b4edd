import { ServiceError } from '@musicgen/contract';
import { recordFromFields, type TaskRecord } from '../task-record.ts';
import type { QueueContext } from './context.ts';

/** The records of tasks in the order given; those that are gone or unreadable are left out. */
export async function readTasks(
  { redis, keys }: Pick<QueueContext, 'redis' | 'keys'>,
  ids: readonly string[],
): Promise<TaskRecord[]> {
  const found = await Promise.all(
    ids.map(async (id) => ({ id, fields: await redis.hgetall(keys.task(id)) })),
  );
  return found.flatMap(({ id, fields }) => {
    try {
      return [recordFromFields(id, fields)];
    } catch (error) {
      if (error instanceof ServiceError) return [];
      throw error;
    }
  });
}

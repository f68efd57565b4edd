import { ServiceError } from '@musicgen/contract';
import { type RecordFields, recordFromFields, type TaskRecord, withContent } from '../task-record.ts';
import type { QueueContext } from './context.ts';

/** The records of tasks in the order given; those that are gone or unreadable are left out. */
export async function readTasks(
  context: Pick<QueueContext, 'redis' | 'keys'>,
  ids: readonly string[],
): Promise<TaskRecord[]> {
  const found = await Promise.all(ids.map(async (id) => ({ id, fields: await readFields(context, id) })));
  return found.flatMap(({ id, fields }) => {
    try {
      return [recordFromFields(id, fields)];
    } catch (error) {
      if (error instanceof ServiceError) return [];
      throw error;
    }
  });
}

/** The fields of one task as they stand at one moment; none for a task that is gone. */
export async function readFields(
  { redis, keys }: Pick<QueueContext, 'redis' | 'keys'>,
  id: string,
): Promise<RecordFields> {
  const replies = await redis.multi().hgetall(keys.task(id)).get(keys.content(id)).exec();
  const [[recordError, fields] = [], [contentError, content] = []] = replies ?? [];
  if (recordError ?? contentError) throw recordError ?? contentError;
  return withContent(fields as RecordFields, content as string | null);
}

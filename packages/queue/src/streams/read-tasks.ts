import { ServiceError } from '@musicgen/contract';
import {
  fieldsFromReply,
  type RecordFields,
  recordFromFields,
  type TaskRecord,
  withContent,
} from '../task-record.ts';
import type { QueueContext } from './context.ts';
import { readScript } from './scripts/read.lua.ts';

/** The records of tasks in the order given; those that are gone or unreadable are left out. */
export async function readTasks(
  context: Pick<QueueContext, 'run'>,
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

/**
 * The fields of one task as they stand at one moment; none for a task that is gone. By a script, as a full Redis takes no
 * command into a transaction, not even one that only reads.
 */
export async function readFields({ run }: Pick<QueueContext, 'run'>, id: string): Promise<RecordFields> {
  const [fields, content] = (await run(readScript, [id])) as [string[], string | null];
  return withContent(fieldsFromReply(fields), content);
}

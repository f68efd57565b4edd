import { ServiceError } from '@musicgen/contract';
import {
  fieldsFromReply,
  placeFrom,
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
  const found = await Promise.all(ids.map((id) => readTask(context, id).catch(skipUnreadable)));
  return found.filter((record) => record !== undefined);
}

function skipUnreadable(error: unknown): undefined {
  if (!(error instanceof ServiceError)) throw error;
}

/**
 * One task as it stands at one moment, or nothing when it is gone. By a script, as a full Redis takes no command into a
 * transaction, not even one that only reads.
 * @throws ServiceError `corrupt_record`.
 */
export async function readTask(
  { run }: Pick<QueueContext, 'run'>,
  id: string,
): Promise<TaskRecord | undefined> {
  const reply = (await run(readScript, [id])) as ReadReply;
  const [pairs, content, before, better] = reply;
  const fields = fieldsFromReply(pairs);
  if (fields.status === undefined) return undefined;
  const record = recordFromFields(id, withContent(fields, content));
  return before === undefined || better === undefined
    ? record
    : { ...record, place: placeFrom(before, better) };
}

type ReadReply = [fields: string[], content: string | null, before?: number, better?: number];

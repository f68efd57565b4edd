import { ServiceError } from '@musicgen/contract';
import { mostAtOnce } from '../admission.ts';
import {
  fieldsFromReply,
  placeFrom,
  recordFromFields,
  type TaskRecord,
  withContent,
} from '../task-record.ts';
import type { QueueContext } from './context.ts';
import { readScript } from './scripts/read.lua.ts';

/** As `read.lua.ts` gives it. */
type ReadReply = [fields: string[] | Error, content: string | null, before?: number, better?: number];

/** The replies for at most `mostAtOnce` ids, in their order. */
type Send = (ids: readonly string[]) => Promise<ReadReply[]>;

/**
 * One task as it stands at one moment, or nothing when it is gone.
 * @throws ServiceError `corrupt_record`.
 */
export type ReadTask = (id: string) => Promise<TaskRecord | undefined>;

interface Waiting {
  id: string;
  resolve: (record: TaskRecord | undefined) => void;
  reject: (error: unknown) => void;
}

/** Asks Redis for tasks. By a script, as a full Redis takes no command into a transaction, not even one that only reads. */
export async function readReplies(
  { run }: Pick<QueueContext, 'run'>,
  ids: readonly string[],
): Promise<ReadReply[]> {
  return (await run(readScript, ids)) as ReadReply[];
}

/** The records of tasks in the order given; those that are gone or unreadable are left out. */
export async function readTasks(
  context: Pick<QueueContext, 'run'>,
  ids: readonly string[],
): Promise<TaskRecord[]> {
  const read = createTaskReader((some) => readReplies(context, some));
  const found = await Promise.all(ids.map((id) => read(id).catch(skipUnreadable)));
  return found.filter((record) => record !== undefined);
}

function skipUnreadable(error: unknown): undefined {
  if (!(error instanceof ServiceError)) throw error;
}

/** Reads tasks one by one for their callers, and those of one turn of the event loop in one call for Redis. */
export function createTaskReader(send: Send): ReadTask {
  let gathered: Waiting[] = [];

  function sendGathered(): void {
    const waiting = gathered;
    gathered = [];
    for (let first = 0; first < waiting.length; first += mostAtOnce)
      sendGroup(waiting.slice(first, first + mostAtOnce));
  }

  function sendGroup(group: readonly Waiting[]): void {
    send(group.map(({ id }) => id)).then(
      (replies) => {
        for (const [index, waiting] of group.entries()) settle(waiting, replies[index]);
      },
      (error: unknown) => {
        for (const { reject } of group) reject(error);
      },
    );
  }

  return (id) =>
    new Promise((resolve, reject) => {
      if (gathered.push({ id, resolve, reject }) === 1) setImmediate(sendGathered);
    });
}

/** What is wrong with one record is nothing to those who asked for the others. */
function settle({ id, resolve, reject }: Waiting, reply: ReadReply | undefined): void {
  try {
    resolve(reply && recordFrom(id, reply));
  } catch (error) {
    reject(error);
  }
}

function recordFrom(id: string, [pairs, content, before, better]: ReadReply): TaskRecord | undefined {
  if (pairs instanceof Error)
    throw new ServiceError('corrupt_record', `What stands for task ${id} is no record`, { cause: pairs });
  const fields = fieldsFromReply(pairs);
  if (fields.status === undefined) return undefined;
  const record = recordFromFields(id, withContent(fields, content));
  if (before !== undefined && better !== undefined) record.place = placeFrom(before, better);
  return record;
}

import { ServiceError } from '@musicgen/contract';
import { readBasicRecord } from '../basic/basic-record.ts';
import { type RecordFields, recordFromFields, type TaskRecord, withContent } from '../task-record.ts';
import { type MigratedTask, UnfitTask } from './migrated-task.ts';

/** What a task of ours has beside its record. */
export interface OwnExtras {
  notify?: string;
  deadSince?: number;
  idempotency?: MigratedTask['idempotency'];
}

/** A task from the fields of its hash and its content. @throws UnfitTask `unreadable_record`. */
export function taskFromFields(
  id: string,
  fields: RecordFields,
  content: string | undefined,
  extras: OwnExtras,
): MigratedTask {
  const task = readable(() => recordFromFields(id, withContent(fields, content)));
  return taskFromOwn(task, { ...extras, queuedAt: entryTime(fields.entry) });
}

/** A task from the text under which our basic kind keeps it. @throws UnfitTask `unreadable_record`. */
export function taskFromBasic(text: string): MigratedTask {
  const { task, queuedAt, notify, deadSince, idempotency } = readable(() => readBasicRecord(text));
  return taskFromOwn(task, {
    queuedAt,
    ...(notify !== undefined && { notify }),
    ...(deadSince !== undefined && { deadSince }),
    ...(idempotency !== undefined && { idempotency }),
  });
}

/**
 * A task of ours as it goes on elsewhere: its attempt was charged when it was claimed, and nobody works on it there. One
 * whose cancellation was requested is cancelled: its worker will not come to say so.
 */
export function taskFromOwn(
  record: TaskRecord,
  { queuedAt, ...extras }: OwnExtras & { queuedAt?: number | undefined },
): MigratedTask {
  const { worker, stage: _stage, cancelRequested, progress, ...task } = record;
  if (cancelRequested)
    return { task: { ...task, status: 'cancelled', finishedAt: record.updatedAt }, ...extras };
  if (record.status !== 'pending' && record.status !== 'processing') {
    return { task: { ...task, ...(worker && { worker }), ...(progress && { progress }) }, ...extras };
  }
  // It may take all its attempts, but an attempt that nobody ended leaves it at least one more.
  const attempt = Math.min(task.attempt, task.maxAttempts - 1);
  const waiting: TaskRecord = { ...task, status: 'pending', attempt };
  if (task.retryAt !== undefined) return { task: waiting, ...extras };
  return { task: waiting, order: queuedAt ?? task.createdAt, ...extras };
}

function readable<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throw new UnfitTask('unreadable_record', error.message, { cause: error });
  }
}

/** A stream entry's place in time: its milliseconds, and its number within them as a fraction (`moves.lua.ts`). */
export function entryTime(entry: string | undefined): number | undefined {
  const [, ms, sequence] = /^(\d+)-(\d+)$/.exec(entry ?? '') ?? [];
  return ms === undefined ? undefined : Number(ms) + Math.min(4095, Number(sequence)) / 4096;
}

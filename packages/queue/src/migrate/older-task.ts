import {
  type ErrorCode,
  errorCodes,
  isTerminal,
  type Priority,
  parsePriority,
  type TaskStatus,
} from '@musicgen/contract';
import type { JsonObject, TaskFailure, TaskRecord } from '../task-record.ts';
import { type MigratedTask, type TargetRules, UnfitTask } from './migrated-task.ts';
import { requestFromOlder } from './older-request.ts';
import { isObject, memberName, nested, numberOf, present, timeOf, uuidOf } from './older-values.ts';

/** A task of the older service as it is found. */
export interface OlderTask {
  /** From its key, where it has one: what its clients know it by. */
  id?: string;
  /** The record: values of a JSON object, or the texts of a hash. */
  record: JsonObject;
  /** The note beside a hash. */
  meta?: JsonObject;
  /** The queue in which it waits, and since when in Unix milliseconds. */
  queued?: { priority: Priority; since: number };
  /** What Redis says is left of its life; undefined for a key that has lost its end. */
  remainingMs?: number;
}

const statuses: Record<string, TaskStatus> = {
  pending: 'pending',
  queued: 'pending',
  processing: 'processing',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'expired',
};

/** The fields of a record that have a place here; every other one goes into the metadata. */
const placed = new Set(
  'id task_id status request priority created_at updated_at started_at completed_at error result metadata batch_id batch_index retry_count ttl expires_at'.split(
    ' ',
  ),
);

/**
 * A task of the older service as ours. Waiting ones stay waiting, one that was being worked on waits again with its
 * attempt counted, and finished ones keep what came of them.
 * @throws UnfitTask
 */
export function taskFromOlder(older: OlderTask, rules: TargetRules): MigratedTask {
  const record = withoutNothing(older.record);
  const found = statusOf(record);
  const { id, renamedFrom } = identityOf(older, record);
  const request = nested(record.request);
  if (!isObject(request)) {
    throw new UnfitTask('unreadable_request', 'Its request is neither JSON nor a Python literal');
  }
  const priority = priorityOf(record, request, older);
  const times = timesOf(record, older, rules);
  const ttlSeconds = numberOf(record.ttl) ?? numberOf(older.meta?.ttl) ?? rules.ttlSeconds;
  const life = lifeOf(older, times.createdAt, ttlSeconds, rules);
  const metadata = metadataOf(record);
  const remainder = remainderOf(record, renamedFrom);
  const accepted = requestFromOlder({ request, id, priority, ttlSeconds, metadata, remainder });
  const task = {
    id,
    priority,
    request: accepted,
    cost: Math.round(Number(accepted.duration) * 1000),
    ...batchOf(record),
    ...attemptsOf(record, found, rules),
    stalls: 0,
    createdAt: Math.floor(times.createdAt),
    updatedAt: Math.floor(times.updatedAt),
    ...(times.startedAt !== undefined && { startedAt: Math.floor(times.startedAt) }),
    expiresAt: life.endsAt,
  };
  const extras = {
    ...(life.isNew && { livesAnew: true }),
    ...(renamedFrom !== undefined && { renamedFrom }),
  };
  if (isTerminal(found)) {
    const finishedAt = Math.floor(times.completedAt ?? times.updatedAt);
    return { task: { ...task, status: found, finishedAt, ...outcomeOf(record, found) }, ...extras };
  }
  checkUnfinished(accepted, rules);
  return { task: { ...task, status: 'pending' }, order: older.queued?.since ?? times.createdAt, ...extras };
}

function withoutNothing(record: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => present(value) !== undefined));
}

/** The id in the key is what clients know the task by. */
function identityOf(older: OlderTask, record: JsonObject) {
  const known = older.id ?? String(record.id ?? record.task_id ?? '');
  if (known === '') throw new UnfitTask('unreadable_record', 'It has no id');
  const id = uuidOf(known);
  return { id, renamedFrom: id === known.toLowerCase() ? undefined : known };
}

function statusOf(record: JsonObject): TaskStatus {
  if (record.status === undefined) throw new UnfitTask('unknown_status', 'It has no status');
  const status = statuses[memberName(record.status).toLowerCase()];
  if (status === undefined) throw new UnfitTask('unknown_status', 'Its status is none that we know');
  return status;
}

/** The record's, else that of the queue it waits in, the note's or the request's; without any, NORMAL. */
function priorityOf(record: JsonObject, request: JsonObject, { queued, meta }: OlderTask): Priority {
  const named = [record.priority, queued?.priority, meta?.priority, request.priority].map(present);
  const given = named.find((value) => value !== undefined) ?? 'NORMAL';
  const priority = parsePriority(memberName(given));
  if (priority === undefined)
    throw new UnfitTask(
      'unknown_priority',
      'Its priority is none of CRITICAL (20), HIGH (10), NORMAL (5) and LOW (1)',
    );
  return priority;
}

function timesOf(record: JsonObject, { meta, queued }: OlderTask, rules: TargetRules) {
  const submitted = present(record.created_at) ?? present(meta?.created_at);
  const createdAt = timeOf(submitted);
  if (submitted !== undefined && createdAt === undefined)
    throw new UnfitTask('unreadable_time', 'Its created_at is no time from 1970 to 2109');
  const [updatedAt, startedAt, completedAt] = [record.updated_at, record.started_at, record.completed_at].map(
    timeOf,
  );
  // A record that does not say when it was submitted says when something else happened to it, or when it was queued.
  const first = createdAt ?? queued?.since ?? startedAt ?? updatedAt ?? completedAt ?? rules.now();
  return { createdAt: first, updatedAt: updatedAt ?? completedAt ?? first, startedAt, completedAt };
}

/**
 * When its life ends: when Redis would have removed it. A record that lost its time to live with its first update would
 * have stayed for ever; it ends when it should have, or, where that is over already, begins its time anew.
 */
function lifeOf({ remainingMs, meta }: OlderTask, createdAt: number, ttlSeconds: number, rules: TargetRules) {
  const now = rules.now();
  if (remainingMs !== undefined) return { endsAt: Math.round(now + remainingMs), isNew: false };
  const planned = Math.round(timeOf(meta?.expires_at) ?? createdAt + ttlSeconds * 1000);
  return planned > now
    ? { endsAt: planned, isNew: false }
    : { endsAt: Math.round(now + ttlSeconds * 1000), isNew: true };
}

/** A task that is to be tried again has an attempt left, whatever the older service's count says. */
function attemptsOf(record: JsonObject, found: TaskStatus, { maxAttempts }: TargetRules) {
  const retries = Math.min(1000, Math.max(0, Math.floor(numberOf(record.retry_count) ?? 0)));
  if (found === 'pending') return { attempt: Math.min(retries, maxAttempts - 1), maxAttempts };
  if (found === 'processing') return { attempt: Math.min(retries + 1, maxAttempts - 1), maxAttempts };
  const attempt =
    present(record.started_at) === undefined && retries === 0 && found !== 'completed' ? 0 : retries + 1;
  return { attempt, maxAttempts: Math.max(maxAttempts, attempt) };
}

function outcomeOf(record: JsonObject, status: TaskStatus): Pick<TaskRecord, 'result' | 'error'> {
  const result = status === 'completed' ? nested(record.result) : undefined;
  const error = status === 'failed' ? failureOf(nested(record.error)) : undefined;
  return {
    // Under a name of its own: it is no result that our workers made, and its audio is not in our store.
    ...(result !== undefined && { result: { imported: isObject(result) ? result : { value: result } } }),
    ...(error !== undefined && { error }),
  };
}

function failureOf(error: unknown): TaskFailure {
  const { code, detail, message, error: text } = isObject(error) ? error : { message: error };
  const said =
    [detail, message, text].find((value) => typeof value === 'string') ??
    (isObject(error) ? JSON.stringify(error) : undefined);
  return {
    code: isErrorCode(code) ? code : 'generation_failed',
    detail: String(said ?? 'The older service did not say why'),
  };
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code);
}

function batchOf(record: JsonObject): Pick<TaskRecord, 'batchId' | 'batchIndex'> {
  const index = numberOf(record.batch_index);
  return {
    ...(record.batch_id !== undefined && { batchId: uuidOf(String(record.batch_id)) }),
    ...(index !== undefined && Number.isSafeInteger(index) && index >= 0 && { batchIndex: index }),
  };
}

function metadataOf(record: JsonObject): JsonObject {
  const metadata = nested(record.metadata);
  return isObject(metadata) ? metadata : metadata === undefined ? {} : { metadata };
}

/** What has no place here: unknown fields, the id where it had to change, and why an unfinished task last failed. */
function remainderOf(record: JsonObject, oldId: string | undefined): JsonObject {
  const unknown = Object.entries(record).filter(([name]) => !placed.has(name));
  return { ...Object.fromEntries(unknown), ...(oldId !== undefined && { task_id: oldId }) };
}

function checkUnfinished(request: JsonObject, { maxDurationSeconds }: TargetRules): void {
  if (Number(request.duration) <= maxDurationSeconds) return;
  throw new UnfitTask(
    'beyond_limits',
    `request.duration: above the ${maxDurationSeconds} seconds of MAX_DURATION_SECONDS`,
  );
}

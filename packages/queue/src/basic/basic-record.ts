import { priorities, ServiceError } from '@musicgen/contract';
import type { KeptTask, UntoldTurn } from '../in-process/kept-task.ts';
import {
  failureToText,
  type JsonObject,
  parseJsonObject,
  recordFromFields,
  type TaskRecord,
} from '../task-record.ts';

/** Tells a record of ours from one of the older service, which has the same layout and no such field. */
export const basicFormat = 'musicgen-basic/1';

/**
 * A task as the JSON text under `musicgen:task:<id>`. It has the layout of the older service's basic kind, so that
 * whatever reads that reads this: `task_id`, `status`, `request`, `priority` as its number, times in ISO 8601 without a
 * zone (UTC), `error` as a sentence, `result`, `metadata`, `batch_id`, `batch_index`, `retry_count`, `ttl` in seconds.
 * What it has no field for stands in `musicgen`, so that nothing is lost.
 */
export function writeBasicRecord({ task, checkpoint, ...kept }: KeptTask): string {
  return JSON.stringify({
    format: basicFormat,
    task_id: task.id,
    status: task.status,
    request: task.request,
    priority: priorities[task.priority],
    created_at: isoWithoutZone(task.createdAt),
    updated_at: isoWithoutZone(task.updatedAt),
    started_at: isoWithoutZone(task.startedAt),
    completed_at: isoWithoutZone(task.finishedAt),
    error: task.error?.detail ?? null,
    result: task.result ?? null,
    metadata: task.request.metadata ?? {},
    batch_id: task.batchId ?? null,
    batch_index: task.batchIndex ?? null,
    retry_count: task.status === 'pending' ? task.attempt : Math.max(0, task.attempt - 1),
    ttl: Math.round((task.expiresAt - task.createdAt) / 1000),
    musicgen: {
      owner: task.owner,
      request_id: task.requestId,
      traceparent: task.traceparent,
      cost: task.cost,
      expected_ms: task.expectedMs,
      attempt: task.attempt,
      max_attempts: task.maxAttempts,
      stalls: task.stalls,
      expires_at: task.expiresAt,
      retry_at: task.retryAt,
      worker: task.worker,
      cancel_requested: task.cancelRequested,
      error: task.error && failureToText(task.error),
      checkpoint: checkpoint?.toString('base64'),
      queued_at: kept.queuedAt,
      dead_since: kept.deadSince,
      notify: kept.notify,
      idempotency_key: kept.idempotency?.key,
      idempotency_hash: kept.idempotency?.requestHash,
      untold: kept.untold,
    },
  });
}

/** Whether a text is a record that `writeBasicRecord` has written, readable or not. */
export function isBasicRecord(text: string): boolean {
  return parseJsonObject(text)?.format === basicFormat;
}

/**
 * A task from such a text. What only the attempt meant that ran when it was written, stage and progress, is not in it.
 * @throws ServiceError `corrupt_record` naming the field that cannot be read.
 */
export function readBasicRecord(text: string): KeptTask {
  const record = parseJsonObject(text);
  if (record?.format !== basicFormat) {
    throw new ServiceError('corrupt_record', `A stored task is no record of the format ${basicFormat}`);
  }
  const ours = asObject(record.musicgen);
  const { notify, idempotency_key: key, idempotency_hash: requestHash } = ours;
  return {
    task: readTask(record, ours),
    ...(typeof ours.queued_at === 'number' && { queuedAt: ours.queued_at }),
    ...(typeof ours.checkpoint === 'string' && { checkpoint: Buffer.from(ours.checkpoint, 'base64') }),
    ...(typeof ours.dead_since === 'number' && { deadSince: ours.dead_since }),
    ...(typeof notify === 'string' && { notify }),
    ...(typeof key === 'string' && typeof requestHash === 'string' && { idempotency: { key, requestHash } }),
    ...(Array.isArray(ours.untold) && { untold: ours.untold as UntoldTurn[] }),
  };
}

/** Through the fields of a hash, so that both kinds read a record by the same rules. */
function readTask(record: JsonObject, ours: JsonObject): TaskRecord {
  const id = text(record.task_id) ?? '';
  return recordFromFields(id, {
    status: text(record.status),
    priority: text(record.priority),
    request: JSON.stringify(record.request),
    owner: text(ours.owner),
    batchId: text(record.batch_id),
    batchIndex: text(record.batch_index),
    requestId: text(ours.request_id),
    traceparent: text(ours.traceparent),
    cost: text(ours.cost),
    expectedMs: text(ours.expected_ms),
    attempt: text(ours.attempt),
    maxAttempts: text(ours.max_attempts),
    stalls: text(ours.stalls),
    createdAt: unixMs(record.created_at),
    updatedAt: unixMs(record.updated_at),
    startedAt: unixMs(record.started_at),
    finishedAt: unixMs(record.completed_at),
    expiresAt: text(ours.expires_at),
    retryAt: text(ours.retry_at),
    worker: text(ours.worker),
    cancelRequested: text(ours.cancel_requested),
    result: record.result === null ? undefined : JSON.stringify(record.result),
    error: text(ours.error),
  });
}

function asObject(value: unknown): JsonObject {
  return parseJsonObject(JSON.stringify(value ?? {})) ?? {};
}

/** As a field of a hash: text, or absent. */
function text(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : String(value);
}

/** `2026-11-27T19:24:57.123`: UTC, as Python's `datetime.isoformat()` writes it without a zone. */
function isoWithoutZone(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString().slice(0, -1);
}

function unixMs(iso: unknown): string | undefined {
  const value = text(iso);
  return value === undefined ? undefined : String(Date.parse(`${value}Z`));
}

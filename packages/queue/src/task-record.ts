import {
  type ErrorCode,
  errorCodes,
  type Priority,
  parsePriority,
  ServiceError,
  type TaskStage,
  type TaskStatus,
  taskStages,
  taskStatuses,
} from '@musicgen/contract';

/** What a caller asked for or a worker produced. The queue stores it as JSON and never looks inside. */
export type JsonObject = { [key: string]: unknown };

export interface TaskProgress {
  /** Frames of audio codes generated so far, of `frames` in all. */
  frame: number;
  frames: number;
  /** What the task still needed when this was reported, at the speed of the attempt that reported it. */
  remainingMs?: number;
}

export interface TaskFailure {
  code: ErrorCode;
  /** One sentence for people. */
  detail: string;
}

/** A task as it stands in the queue. All times are Unix milliseconds of the Redis server's clock. */
/** The place of a waiting task: 1 is next in its own queue; `ahead` counts better priorities too. */
export interface QueuePlace {
  position: number;
  ahead: number;
}

/** From how many go before it in its own queue and how many wait in better ones. */
export function placeFrom(before: number, better: number): QueuePlace {
  return { position: before + 1, ahead: before + better };
}

export interface TaskRecord {
  /** UUIDv7. */
  id: string;
  status: TaskStatus;
  /** Of a task that waits in its queue, as it was when it was read; `TaskProducer.place` tells it too. */
  place?: QueuePlace;
  priority: Priority;
  request: JsonObject;
  /** Whose task it is; absent where the service knows no owners. */
  owner?: string;
  /** The submission of several tasks that it came with, and its place in there from 0. */
  batchId?: string;
  batchIndex?: number;
  /** The HTTP request that submitted the task, for logs. */
  requestId?: string;
  /** The trace of that request. */
  traceparent?: string;
  /** As they were submitted. */
  cost?: number;
  expectedMs?: number;
  /** Claims so far that were charged; a hand-back charges none. */
  attempt: number;
  maxAttempts: number;
  /** Claims that ended because their worker was lost; counted apart from failures. */
  stalls: number;
  createdAt: number;
  updatedAt: number;
  /** When it was first claimed. */
  startedAt?: number;
  finishedAt?: number;
  /** When the task must be finished, or, once finished, when it is removed. */
  expiresAt: number;
  /** While waiting out a backoff: when it becomes claimable again. */
  retryAt?: number;
  stage?: TaskStage;
  progress?: TaskProgress;
  worker?: string;
  cancelRequested?: boolean;
  result?: JsonObject;
  /** Why it failed or, while it waits for a retry, why the last attempt did. */
  error?: TaskFailure;
}

/**
 * Where a task may go from each status:
 *
 *     pending ──claim──► processing ──► completed | failed | cancelled | expired
 *        ▲                   │
 *        └─ retry, stall, ───┘          pending ──► cancelled | expired | failed (unreadable)
 *           hand-back
 *
 * A dead letter that is requeued is the one way back out of `failed`: an operator's explicit act.
 */
export const legalMoves: Record<TaskStatus, readonly TaskStatus[]> = {
  pending: ['processing', 'cancelled', 'expired', 'failed'],
  processing: ['pending', 'completed', 'failed', 'cancelled', 'expired'],
  completed: [],
  failed: ['pending'],
  cancelled: [],
  expired: [],
};

/**
 * The fields of a record's hash and, from its content, `request` and `result`. A field that would hold its default (`attempt` 0,
 * `stalls` 0) is absent; `updatedAt` stands only for changes later than those that other times tell.
 */
export type RecordFields = Record<string, string | undefined>;

/** A flat Redis reply (field, value, field, value …) as an object. */
export function fieldsFromReply(reply: readonly string[]): RecordFields {
  const fields: RecordFields = {};
  for (let index = 0; index + 1 < reply.length; index += 2) fields[String(reply[index])] = reply[index + 1];
  return fields;
}

/** The fields of a record with those that its content holds. */
export function withContent(fields: RecordFields, content: string | null | undefined): RecordFields {
  if (content === null || content === undefined) return fields;
  const end = content.indexOf('\n');
  if (end < 0) return { ...fields, request: content };
  return { ...fields, request: content.slice(0, end), result: content.slice(end + 1) };
}

/**
 * A record from the fields of its hash and of its content.
 * @throws ServiceError `corrupt_record` naming the field that cannot be read.
 */
export function recordFromFields(id: string, fields: RecordFields): TaskRecord {
  const read = fieldReader(id, fields);
  const createdAt = read.number('createdAt');
  const startedAt = read.optionalNumber('startedAt');
  const finishedAt = read.optionalNumber('finishedAt');
  const updatedAt = read.optionalNumber('updatedAt');
  return withoutUndefined({
    id,
    status: read.oneOf('status', taskStatuses),
    priority: read.priority(),
    request: read.json('request'),
    owner: fields.owner,
    batchId: fields.batchId,
    batchIndex: read.optionalNumber('batchIndex'),
    requestId: fields.requestId,
    traceparent: fields.traceparent,
    cost: read.optionalNumber('cost'),
    expectedMs: read.optionalNumber('expectedMs'),
    attempt: read.optionalNumber('attempt') ?? 0,
    maxAttempts: read.number('maxAttempts'),
    stalls: read.optionalNumber('stalls') ?? 0,
    createdAt,
    updatedAt: Math.max(createdAt, startedAt ?? 0, finishedAt ?? 0, updatedAt ?? 0),
    startedAt,
    finishedAt,
    expiresAt: read.number('expiresAt'),
    retryAt: read.optionalNumber('retryAt'),
    stage: fields.stage === undefined ? undefined : read.oneOf('stage', taskStages),
    progress: progressFromFields(fields),
    worker: fields.worker,
    cancelRequested: fields.cancelRequested === undefined ? undefined : true,
    result: fields.result === undefined ? undefined : read.json('result'),
    error: fields.error === undefined ? undefined : failureFromText(fields.error),
  });
}

/** The progress as it was last reported, or nothing when no frame was. */
export function progressFromFields(fields: RecordFields): TaskProgress | undefined {
  if (fields.frame === undefined || fields.frames === undefined) return undefined;
  const progress = { frame: Number(fields.frame), frames: Number(fields.frames) };
  return fields.remainingMs === undefined
    ? progress
    : { ...progress, remainingMs: Number(fields.remainingMs) };
}

/** A failure as it stands in a hash or an event: the code, a space, the sentence. Lua can write it without JSON. */
export function failureToText({ code, detail }: TaskFailure): string {
  return `${code} ${detail}`;
}

export function failureFromText(text: string): TaskFailure {
  const [code = ''] = text.split(' ', 1);
  return { code: isErrorCode(code) ? code : 'internal', detail: text.slice(code.length + 1) };
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}

function fieldReader(id: string, fields: RecordFields) {
  const corrupt = (field: string) =>
    new ServiceError('corrupt_record', `The record of task ${id} has no readable "${field}"`);

  const optionalNumber = (field: string): number | undefined => {
    const text = fields[field];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value)) throw corrupt(field);
    return value;
  };

  return {
    optionalNumber,
    number(field: string): number {
      const value = optionalNumber(field);
      if (value === undefined) throw corrupt(field);
      return value;
    },
    oneOf<Value extends string>(field: string, allowed: readonly Value[]): Value {
      const value = allowed.find((candidate) => candidate === fields[field]);
      if (value === undefined) throw corrupt(field);
      return value;
    },
    priority(): Priority {
      const value = parsePriority(fields.priority);
      if (value === undefined) throw corrupt('priority');
      return value;
    },
    json(field: string): JsonObject {
      const value = parseJsonObject(fields[field] ?? '');
      if (value === undefined) throw corrupt(field);
      return value;
    },
  };
}

/** The object that a text is the JSON of, or nothing when it is that of something else, or none. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Drops the keys without a value, so that a record compares and serialises like one that never had them. */
function withoutUndefined<Value extends object>(value: Value): Value {
  const kept: Partial<Value> = {};
  for (const key in value) if (value[key] !== undefined) kept[key] = value[key];
  return kept as Value;
}

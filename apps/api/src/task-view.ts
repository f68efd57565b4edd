import {
  type AcceptedRequest,
  type AudioFormat,
  acceptedRequestSchema,
  audioFormatNames,
  isTerminal,
  problemOf,
  ServiceError,
  type Task,
  type TaskResult,
  taskResultSchema,
} from '@musicgen/contract';
import type { JsonObject, QueuePlace, TaskProducer, TaskRecord } from '@musicgen/queue';
import type { z } from 'zod';
import type { Estimate, Estimator } from './estimate/estimator.ts';
import { timestamp, timestampOrNull } from './timestamps.ts';

export interface PresentOptions {
  producer: TaskProducer;
  estimator: Pick<Estimator, 'estimate'>;
}

/** A task as the API shows it now, or undefined when there is none. */
export async function presentTask(id: string, options: PresentOptions): Promise<Task | undefined> {
  const record = await options.producer.get(id);
  return record && present(record, options);
}

/** A record just read, completed with its place in the queue, where it has one, and what that means for its end. */
export function present(record: TaskRecord, options: PresentOptions): Promise<Task> {
  return presentWith(storedRequest(record), record, options);
}

/** The record of a task that was just admitted, whose request was checked as it came in. */
export function presentNew(record: TaskRecord, options: PresentOptions): Promise<Task> {
  return presentWith(record.request as AcceptedRequest, record, options);
}

async function presentWith(
  request: AcceptedRequest,
  record: TaskRecord,
  { producer, estimator }: PresentOptions,
): Promise<Task> {
  if (record.status !== 'pending') return toTask(record, request);
  const place = record.place ?? (await producer.place(record.id));
  const task = toTask(record, request, place);
  const { priority, duration: seconds } = task.request;
  const estimate = place && (await estimator.estimate({ priority, seconds, ahead: place.position - 1 }));
  if (estimate) task.eta = etaFrom(estimate);
  return task;
}

/** An estimate as the API shows it. */
export function etaFrom(estimate: Estimate | undefined): NonNullable<Task['eta']> {
  return { start_at: timestampOrNull(estimate?.startAt), finish_at: timestampOrNull(estimate?.finishAt) };
}

/** Those of a page that can be read, each with what its listing adds; one that cannot must not hide the others. */
export function presentListed<Extra extends object>(
  listed: readonly { record: TaskRecord; place?: QueuePlace; extra: Extra }[],
): (Task & Extra)[] {
  return listed.flatMap(({ record, place, extra }) => {
    try {
      return [{ ...toTask(record, storedRequest(record), place), ...extra }];
    } catch (error) {
      if (error instanceof ServiceError) return [];
      throw error;
    }
  });
}

/** A task's record as the API shows it; `place` is where it stands while it waits. */
function toTask(record: TaskRecord, request: AcceptedRequest, place?: QueuePlace): Task {
  const links = taskLinks(record);
  const imported = importedResult(record);
  const result = record.result && !imported ? storedResult(record) : undefined;
  return {
    id: record.id,
    status: record.status,
    stage: record.stage ?? null,
    progress: progressOf(record, result),
    queue: place ?? null,
    eta: etaOf(record),
    priority: record.priority,
    batch_id: record.batchId ?? null,
    request,
    attempt: record.attempt,
    max_attempts: record.maxAttempts,
    created_at: timestamp(record.createdAt),
    updated_at: timestamp(record.updatedAt),
    started_at: timestampOrNull(record.startedAt),
    finished_at: timestampOrNull(record.finishedAt),
    expires_at: timestamp(record.expiresAt),
    error: record.error ? problemOf(record.error.code, record.error.detail) : null,
    result: result ? { ...resultView(result), ...audioUrls(links.self, request.format) } : null,
    ...(imported && { imported_result: imported }),
    warnings: result?.warnings ?? [],
    timings: timingsOf(record, result),
    links,
  };
}

/** Where a task, and everything about it, is. */
export function taskLinks({ id, status, request }: TaskRecord): Task['links'] {
  const self = `/api/v1/tasks/${id}`;
  return {
    self,
    cancel: `${self}/cancel`,
    events: `${self}/events`,
    audio: `${self}/audio`,
    peaks: `${self}/peaks`,
    waveform: `${self}/waveform.svg`,
    spectrogram: `${self}/spectrogram.png`,
    preview: request.preview === true && !isTerminal(status) ? `${self}/audio?preview=1` : null,
  };
}

/** What a task was asked to make. @throws ServiceError `corrupt_record`. */
export function storedRequest(record: TaskRecord): AcceptedRequest {
  return stored(record, acceptedRequestSchema, record.request);
}

/** A completed task's result. @throws ServiceError `corrupt_record`, `gone` for one that an older service made. */
export function storedResult(record: TaskRecord): TaskResult {
  if (importedResult(record)) {
    throw new ServiceError('gone', 'An older service made the audio of this task, and it stayed there.');
  }
  return stored(record, taskResultSchema, record.result);
}

/** What an older service stored as the result of a task that was migrated (`older-task.ts` of the queue). */
function importedResult({ result }: TaskRecord): JsonObject | undefined {
  const { imported } = result ?? {};
  return typeof imported === 'object' && imported !== null ? { ...imported } : undefined;
}

/** What we stored ourselves and can read no more is our fault, not the caller's. */
function stored<Schema extends z.ZodType>(
  { id }: TaskRecord,
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const { data, error } = schema.safeParse(value);
  if (error)
    throw new ServiceError('corrupt_record', `The record of task ${id} cannot be read.`, { cause: error });
  return data;
}

function resultView({ frames: _frames, warnings: _warnings, timings: _timings, ...view }: TaskResult) {
  return view;
}

function audioUrls(self: string, format: AudioFormat) {
  const urlOf = (name: AudioFormat) => `${self}/audio?format=${name}`;
  return {
    audio_url: urlOf(format),
    audio_urls: Object.fromEntries(audioFormatNames.map((name) => [name, urlOf(name)])) as Record<
      AudioFormat,
      string
    >,
  };
}

/** A piece may be done before its first report is due, so a completed task's progress is that of its result. */
function progressOf({ progress }: TaskRecord, result: TaskResult | undefined): Task['progress'] {
  if (result) return { ratio: 1, frame: result.frames, frames: result.frames };
  if (!progress) return null;
  const { frame, frames } = progress;
  return { ratio: frames > 0 ? frame / frames : 0, frame, frames };
}

/** When a running task will be done, as its worker measures it from the frames it has made. */
function etaOf({ status, startedAt, updatedAt, progress }: TaskRecord): Task['eta'] {
  if (isTerminal(status)) return null;
  if (status === 'pending') return { start_at: null, finish_at: null };
  const { remainingMs } = progress ?? {};
  const finishAt = remainingMs === undefined ? undefined : updatedAt + remainingMs;
  return { start_at: timestampOrNull(startedAt), finish_at: timestampOrNull(finishAt) };
}

function timingsOf(record: TaskRecord, result: TaskResult | undefined): Task['timings'] {
  const processing = secondsBetween(record.startedAt, record.finishedAt);
  return {
    queue: secondsBetween(record.createdAt, record.startedAt),
    processing,
    stages: result?.timings ?? {},
    real_time_factor: result && processing !== null ? processing / result.duration : null,
  };
}

function secondsBetween(fromMs: number | undefined, toMs: number | undefined): number | null {
  return fromMs === undefined || toMs === undefined ? null : (toMs - fromMs) / 1000;
}

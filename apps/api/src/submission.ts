import { createHash, randomInt } from 'node:crypto';
import { type GenerateRequest, priorityNames } from '@musicgen/contract';
import type { NewTask, TaskProducer, TaskRecord } from '@musicgen/queue';
import type { Response } from 'express';
import { uuidv7 } from 'uuidv7';
import type { AppOptions } from './app.ts';
import { callerOf, ownership } from './caller.ts';
import { checkContinuation } from './continuation.ts';
import { checkModels } from './known-models.ts';
import { loggerOf } from './logger-of.ts';
import { reserveRefusal } from './memory-reserve.ts';
import { type NewTasks, pathOf } from './new-tasks.ts';
import { spendSeconds } from './spend-seconds.ts';
import { withTimeToComeAgain } from './time-to-come-again.ts';
import { noticeOf } from './webhook-notice.ts';

/** Seeds that the service draws: plenty, and short enough to read out. */
const drawnSeeds = 2 ** 32;

export type SubmissionOptions = Pick<
  AppOptions,
  | 'producer'
  | 'monitor'
  | 'estimator'
  | 'memory'
  | 'store'
  | 'limits'
  | 'maxAttempts'
  | 'metrics'
  | 'access'
  | 'webhooks'
  | 'queueMaxLength'
>;

/** What was admitted, in the order of the requests. */
export interface Admitted {
  records: TaskRecord[];
  /** These tasks were there before, under the same idempotency key. */
  isReplay: boolean;
}

/**
 * The one way into the queue: draws seeds, foresees how long the tasks will take, and admits them in one step.
 * @throws ServiceError `invalid_request`, `queue_full`, `concurrency_limit`, `idempotency_mismatch`, `redis_full`, `dependency_unavailable`.
 */
export async function admit(tasks: NewTasks, res: Response, options: SubmissionOptions): Promise<Admitted> {
  await checkModels(tasks, options);
  await checkContinuation(tasks, res, options);
  const batchId = tasks.requests.length > 1 ? uuidv7() : undefined;
  const news = await Promise.all(
    tasks.requests.map((request, index) => newTask({ request, index, batchId, tasks, res, options })),
  );
  const admitted = await spendSeconds({
    quota: options.access.quota,
    caller: callerOf(res),
    secondsPerDay: options.access.limits.secondsPerDay,
    seconds: tasks.requests.reduce((sum, { duration }) => sum + duration, 0),
    admit: () => enqueue(news, options),
    isReplay: ({ isReplay }) => isReplay,
  }).catch(async (error: unknown) => {
    throw await withTimeToComeAgain(error, res, options);
  });
  if (!admitted.isReplay) options.estimator.admitted(tasks.requests);
  tellSubmission(admitted, res, options);
  return admitted;
}

async function enqueue(news: NewTask[], { producer, memory }: SubmissionOptions): Promise<Admitted> {
  const records = (await memory.isReached())
    ? await sentBefore(news, producer)
    : await enqueueAll(news, producer);
  return { records, isReplay: records[0]?.id !== news[0]?.id };
}

/** What is sent again takes no memory and is answered as ever. */
async function sentBefore(news: NewTask[], producer: TaskProducer): Promise<TaskRecord[]> {
  const known = await producer.known(news);
  if (known === undefined) throw reserveRefusal();
  return known;
}

async function enqueueAll(news: NewTask[], producer: TaskProducer): Promise<TaskRecord[]> {
  const [only, ...others] = news;
  // One alone shares its call to Redis with those of other requests.
  return only !== undefined && others.length === 0
    ? [await producer.enqueue(only)]
    : producer.enqueueBatch(news);
}

interface NewTaskOptions {
  request: GenerateRequest;
  index: number;
  batchId: string | undefined;
  tasks: NewTasks;
  res: Response;
  options: SubmissionOptions;
}

async function newTask({ request, index, batchId, tasks, res, options }: NewTaskOptions): Promise<NewTask> {
  const { webhook, ...stored } = request;
  return {
    id: uuidv7(),
    priority: request.priority,
    request: withSeed(stored),
    ttlSeconds: request.ttl,
    maxAttempts: options.maxAttempts,
    requestId: res.locals.requestId,
    ...(res.locals.traceparent !== undefined && { traceparent: res.locals.traceparent }),
    ...ownership(callerOf(res), options.access.limits),
    ...(batchId !== undefined && { batchId, batchIndex: index }),
    notify: tasks.notify ?? noticeOf(webhook, options.webhooks, [...pathOf(tasks, index), 'webhook']),
    ...idempotencyOf(tasks, index),
    ...(await options.estimator.submission(request, goingBefore(tasks.requests, index))),
  };
}

/** Those of a batch that will be taken before one of it: of better queues all, of its own those that stand before it. */
function goingBefore(requests: readonly GenerateRequest[], index: number): GenerateRequest[] {
  const level = ({ priority }: GenerateRequest) => priorityNames.indexOf(priority);
  const own = requests[index];
  if (own === undefined || requests.length === 1) return [];
  return requests.filter(
    (other, position) => level(other) < level(own) || (level(other) === level(own) && position < index),
  );
}

/** A seed is always chosen, stored and returned, so that every piece can be made again. */
function withSeed<Wanted extends { seed?: number | undefined }>(request: Wanted) {
  return { ...request, seed: request.seed ?? randomInt(drawnSeeds) };
}

/** The same request n times, with consecutive seeds. */
export function variationsOf(request: GenerateRequest, n: number): GenerateRequest[] {
  const { seed } = withSeed(request);
  if (n === 1) return [request];
  return Array.from({ length: n }, (_, index) => ({
    ...request,
    seed: nthSeed(seed, index),
  }));
}

/** After the last seed comes 0. */
function nthSeed(seed: number, index: number): number {
  const left = Number.MAX_SAFE_INTEGER - seed;
  return index <= left ? seed + index : index - left - 1;
}

/** Each task of a submission has a key of its own; a caller's key has no space, so it cannot be one of those. */
function idempotencyOf({ kind, idempotencyKey, fingerprint }: NewTasks, index: number) {
  if (idempotencyKey === undefined) return {};
  const hash = createHash('sha256').update(JSON.stringify([kind, fingerprint]));
  const key = index === 0 ? idempotencyKey : `${idempotencyKey} ${index}`;
  return { idempotency: { key, requestHash: hash.digest('base64url') } };
}

/** In the metrics and in the request's log line. */
function tellSubmission(
  { records, isReplay }: Admitted,
  res: Response,
  { metrics }: SubmissionOptions,
): void {
  res.locals.about = aboutTasks(records);
  if (isReplay) {
    metrics.submissionReplayed();
    return;
  }
  for (const { id, priority, request } of records) {
    metrics.taskSubmitted(priority);
    if (res.locals.logger.isDebugEnabled()) {
      loggerOf(res).debug('prompt', { task_id: id, prompt: request.prompt });
    }
  }
}

function aboutTasks(records: readonly TaskRecord[]) {
  const [only, ...others] = records;
  if (others.length > 0) return { batch_id: only?.batchId, task_ids: records.map(({ id }) => id) };
  return { task_id: only?.id, priority: only?.priority };
}

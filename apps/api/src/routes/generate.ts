import {
  batchSchema,
  type ErrorCode,
  estimateSchema,
  type GenerateRequest,
  isTerminal,
  submissionSchema,
  submittedBatchSchema,
  submittedTaskSchema,
  type Task,
} from '@musicgen/contract';
import type { TaskRecord } from '@musicgen/queue';
import type { Response } from 'express';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { closeSignal } from '../close-signal.ts';
import { retryAfterHeader } from '../openapi/document.ts';
import { type Route, route } from '../openapi/route.ts';
import { idempotencyKey, prefer } from '../request-headers.ts';
import { retryAfterSeconds } from '../retry-after.ts';
import { type Admitted, admit, type SubmissionOptions, variationsOf } from '../submission.ts';
import { etaFrom, present, presentNew, taskLinks } from '../task-view.ts';
import { waitForTask } from '../wait-for-task.ts';
import { taskOf } from './task-id.ts';

type Options = SubmissionOptions & Pick<AppOptions, 'lifecycle' | 'closing'>;

/** Submitting tasks, one or many. */
export function generateRoutes(options: Options): Route[] {
  return [generate(options), submitBatch(options)];
}

/** Why a submission may be refused. */
export const submissionErrors: ErrorCode[] = [
  'malformed_json',
  'invalid_header',
  'payload_too_large',
  'unsupported_media_type',
  'invalid_request',
  'idempotency_mismatch',
  'concurrency_limit',
  'quota_exceeded',
  'queue_full',
  'redis_full',
  'dependency_unavailable',
];

/** What every answer to a submission carries. */
export const submissionHeaders = {
  Location: z.string().optional().describe('Where the task is.'),
  'Retry-After': retryAfterHeader.optional(),
  'Preference-Applied': z.string().optional().describe('The wait that was granted.'),
  'Idempotency-Replayed': z
    .literal('true')
    .optional()
    .describe('The tasks were submitted before, under this key.'),
};

function generate(options: Options): Route {
  return route({
    operationId: 'generate',
    method: 'post',
    path: '/api/v1/generate',
    tag: 'Tasks',
    scope: 'generate',
    summary: 'Submit a task',
    headers: z.object({ 'idempotency-key': idempotencyKey, prefer }),
    body: submissionSchema(options.limits),
    example: { prompt: 'calm lofi with soft piano and dusty drums, 80 bpm', duration: 10, priority: 'HIGH' },
    responses: {
      200: {
        description: 'The finished task, when it was waited for; or, for a dry run, the estimate.',
        body: z.union([submittedTaskSchema, estimateSchema]),
        headers: submissionHeaders,
      },
      202: {
        description: 'Accepted: the task as it waits.',
        body: submittedTaskSchema,
        headers: submissionHeaders,
      },
    },
    errors: submissionErrors,
    onRefused: options.metrics.submissionRefused,
    handle: async ({ body: { dry_run: isDryRun, n, ...request }, headers }, res) => {
      if (isDryRun) return void res.json(await estimate(request, options));
      const admitted = await admit(
        {
          kind: 'single',
          requests: variationsOf(request, n),
          idempotencyKey: headers['idempotency-key'],
          fingerprint: [request, n],
        },
        res,
        options,
      );
      await answer(admitted, headers.prefer, res, options);
    },
  });
}

async function estimate({ webhook: _webhook, ...request }: GenerateRequest, { estimator }: Options) {
  const { priority, duration: seconds } = request;
  return { dry_run: true, request, eta: etaFrom(await estimator.estimate({ priority, seconds })) };
}

/** The first task, finished if the caller waits for it and it is in time. */
async function answer(
  { records, isReplay }: Admitted,
  waitSeconds: number | undefined,
  res: Response,
  options: Options,
): Promise<void> {
  const [first = records[0], ...others] =
    waitSeconds === undefined ? records : await allFinished(records, waitSeconds, res, options);
  if (first === undefined) return;
  const isAsAdmitted = !isReplay && waitSeconds === undefined;
  const task = await (isAsAdmitted ? presentNew : present)(first, options);
  if (waitSeconds !== undefined) res.set('Preference-Applied', `wait=${waitSeconds}`);
  if (isReplay) res.set('Idempotency-Replayed', 'true');
  res.setHeader('Location', task.links.self);
  const isDone = [first, ...others].every(({ status }) => isTerminal(status));
  if (!isDone) res.setHeader('Retry-After', retryAfterSeconds(task));
  res
    .status(waitSeconds !== undefined && isDone ? 200 : 202)
    .json(others.length === 0 ? task : { ...task, variations: variationViews([first, ...others]) });
}

function variationViews(records: readonly TaskRecord[]) {
  return records.map((record) => ({ id: record.id, seed: record.request.seed, links: taskLinks(record) }));
}

/** All of them, as they are when the last has finished or the time is up. */
function allFinished(records: readonly TaskRecord[], seconds: number, res: Response, options: Options) {
  const signal = AbortSignal.any([options.closing, closeSignal(res)]);
  return Promise.all(
    records.map((record) =>
      waitForTask({
        lifecycle: options.lifecycle,
        id: record.id,
        read: () => taskOf(record.id, options.producer, res),
        isEnough: ({ status }) => isTerminal(status),
        timeoutMs: seconds * 1000,
        signal,
      }),
    ),
  );
}

function submitBatch(options: Options): Route {
  return route({
    operationId: 'submitBatch',
    method: 'post',
    path: '/api/v1/batches',
    tag: 'Tasks',
    scope: 'generate',
    summary: 'Submit up to 100 tasks, all or none',
    description: 'Errors name the request by its index: `#/requests/3/duration`.',
    headers: z.object({ 'idempotency-key': idempotencyKey }),
    body: batchSchema(options.limits),
    bodyLimitKilobytes: 1024,
    example: { requests: [{ prompt: 'slow ambient drone' }, { prompt: 'fast drum and bass', duration: 20 }] },
    responses: {
      202: {
        description: 'All were accepted; in the order of the requests.',
        body: submittedBatchSchema,
        headers: { 'Idempotency-Replayed': submissionHeaders['Idempotency-Replayed'] },
      },
    },
    errors: submissionErrors,
    onRefused: options.metrics.submissionRefused,
    handle: async ({ body: { requests }, headers }, res) => {
      const idempotencyKey = headers['idempotency-key'];
      const { records, isReplay } = await admit(
        { kind: 'batch', requests, idempotencyKey, fingerprint: requests },
        res,
        options,
      );
      if (isReplay) res.set('Idempotency-Replayed', 'true');
      const tasks: Task[] = await Promise.all(records.map((record) => present(record, options)));
      res.status(202).json({ batch_id: tasks[0]?.batch_id ?? null, tasks });
    },
  });
}

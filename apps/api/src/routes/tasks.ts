import { randomInt } from 'node:crypto';
import {
  type GenerateRequest,
  generateRequestSchema,
  ServiceError,
  type Task,
  taskSchema,
} from '@musicgen/contract';
import type { NewTask } from '@musicgen/queue';
import type { Response } from 'express';
import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { callerOf, ownership } from '../caller.ts';
import { retryAfterHeader } from '../openapi/document.ts';
import { type Route, route } from '../openapi/route.ts';
import { spendSeconds } from '../spend-seconds.ts';
import { present } from '../task-view.ts';
import { noticeOf } from '../webhook-notice.ts';
import { taskOf, taskParams } from './task-id.ts';

/** Seeds that the service draws: plenty, and short enough to read out. */
const drawnSeeds = 2 ** 32;

type Options = Pick<AppOptions, 'producer' | 'limits' | 'maxAttempts' | 'metrics' | 'access' | 'webhooks'>;

/** Submitting, reading and cancelling tasks. */
export function taskRoutes(options: Options): Route[] {
  return [generate(options), getTask(options), cancelTask(options)];
}

function generate(options: Options): Route {
  const { limits, metrics } = options;
  return route({
    operationId: 'generate',
    method: 'post',
    path: '/api/v1/generate',
    tag: 'Tasks',
    scope: 'generate',
    summary: 'Submit a task',
    body: generateRequestSchema(limits),
    example: { prompt: 'calm lofi with soft piano and dusty drums, 80 bpm', duration: 10, priority: 'HIGH' },
    responses: {
      202: {
        description: 'Accepted: the task as it waits.',
        body: taskSchema,
        headers: { Location: z.string().describe('Where the task is.'), 'Retry-After': retryAfterHeader },
      },
    },
    errors: [
      'malformed_json',
      'payload_too_large',
      'unsupported_media_type',
      'invalid_request',
      'concurrency_limit',
      'quota_exceeded',
      'queue_full',
      'dependency_unavailable',
    ],
    onRefused: metrics.submissionRefused,
    handle: async ({ body }, res) => {
      const task = await submit(body, res, options);
      res
        .status(202)
        .location(task.links.self)
        .set('Retry-After', String(retryAfterSeconds(task)))
        .json(task);
    },
  });
}

async function submit(
  { webhook, ...request }: GenerateRequest,
  res: Response,
  { producer, maxAttempts, metrics, access, webhooks }: Options,
): Promise<Task> {
  const caller = callerOf(res);
  const task: NewTask = {
    id: uuidv7(),
    priority: request.priority,
    request: withSeed(request),
    ttlSeconds: request.ttl,
    maxAttempts,
    requestId: res.locals.requestId,
    ...ownership(caller, access.limits),
    notify: noticeOf(webhook, webhooks),
  };
  const record = await spendSeconds({
    quota: access.quota,
    caller,
    secondsPerDay: access.limits.secondsPerDay,
    seconds: request.duration,
    admit: () => producer.enqueue(task),
  });
  metrics.taskSubmitted(record.priority);
  res.locals.logger.info('task submitted', { task_id: record.id, priority: record.priority });
  res.locals.logger.debug('prompt', { task_id: record.id, prompt: request.prompt });
  return present(record, producer);
}

/** A seed is always chosen, stored and returned, so that every piece can be made again. */
function withSeed(request: Omit<GenerateRequest, 'webhook'>) {
  return { ...request, seed: request.seed ?? randomInt(drawnSeeds) };
}

function getTask({ producer }: Options): Route {
  return route({
    operationId: 'getTask',
    method: 'get',
    path: '/api/v1/tasks/{id}',
    tag: 'Tasks',
    scope: 'generate',
    summary: 'One task',
    params: taskParams,
    responses: {
      200: {
        description: 'The task as it is now.',
        body: taskSchema,
        headers: { 'Retry-After': retryAfterHeader.optional() },
      },
    },
    errors: ['not_found', 'corrupt_record', 'dependency_unavailable'],
    handle: async ({ params }, res) => {
      const task = await present(await taskOf(params.id, producer, callerOf(res)), producer);
      if (task.finished_at === null) res.set('Retry-After', String(retryAfterSeconds(task)));
      res.json(task);
    },
  });
}

function cancelTask({ producer }: Options): Route {
  return route({
    operationId: 'cancelTask',
    method: 'post',
    path: '/api/v1/tasks/{id}/cancel',
    tag: 'Tasks',
    scope: 'generate',
    summary: 'Cancel a task, waiting or running',
    params: taskParams,
    responses: {
      200: { description: 'The task is cancelled, now or already.', body: taskSchema },
      202: { description: 'The task runs and stops at its next step.', body: taskSchema },
    },
    errors: ['not_found', 'task_finished', 'dependency_unavailable'],
    handle: async ({ params }, res) => {
      const caller = callerOf(res);
      await taskOf(params.id, producer, caller);
      const outcome = await producer.cancel(params.id);
      const record = await taskOf(params.id, producer, caller);
      if (outcome === 'finished' && record.status !== 'cancelled') {
        throw new ServiceError(
          'task_finished',
          `The task is ${record.status} already and cannot be cancelled.`,
        );
      }
      res.status(outcome === 'stopping' ? 202 : 200).json(await present(record, producer));
    },
  });
}

/** When it makes sense to ask again: 1 to 30 seconds. */
function retryAfterSeconds(task: Task): number {
  if (!task.eta?.finish_at) return 2;
  const seconds = Math.ceil((Date.parse(task.eta.finish_at) - Date.now()) / 1000);
  return Math.min(30, Math.max(1, seconds));
}

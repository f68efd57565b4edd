import {
  acceptedRequestSchema,
  isTerminal,
  ServiceError,
  submittedTaskSchema,
  taskChangeSchema,
  taskSchema,
} from '@musicgen/contract';
import { taskKey } from '@musicgen/storage';
import { loggerOf } from '../logger-of.ts';
import { type Route, route } from '../openapi/route.ts';
import { retryAfterSeconds } from '../retry-after.ts';
import { admit, type SubmissionOptions } from '../submission.ts';
import { present } from '../task-view.ts';
import { submissionErrors, submissionHeaders } from './generate.ts';
import { taskOf, taskParams } from './task-id.ts';

type Options = SubmissionOptions;

export function changeTask(options: Options): Route {
  const { producer } = options;
  return route({
    operationId: 'changeTask',
    method: 'patch',
    path: '/api/v1/tasks/{id}',
    tag: 'Tasks',
    scope: 'generate',
    summary: 'Change the priority or the time to live of a task that waits',
    params: taskParams,
    body: taskChangeSchema,
    example: { priority: 'LOW', ttl: 3600 },
    responses: { 200: { description: 'The task as it is now.', body: taskSchema } },
    errors: [
      'malformed_json',
      'payload_too_large',
      'unsupported_media_type',
      'invalid_request',
      'not_found',
      'gone',
      'task_not_pending',
      'redis_full',
      'dependency_unavailable',
    ],
    handle: async ({ params, body: { priority, ttl } }, res) => {
      await taskOf(params.id, producer, res);
      const outcome = await producer.update(params.id, {
        ...(priority !== undefined && { priority }),
        ...(ttl !== undefined && { ttlSeconds: ttl }),
      });
      const record = await taskOf(params.id, producer, res);
      if (outcome === 'not_pending')
        throw new ServiceError('task_not_pending', `The task is ${record.status} and cannot be changed.`);
      res.json(await present(record, options));
    },
  });
}

export function cancelTask(options: Options): Route {
  const { producer } = options;
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
    errors: ['not_found', 'gone', 'task_finished', 'dependency_unavailable'],
    handle: async ({ params }, res) => {
      await taskOf(params.id, producer, res);
      const outcome = await producer.cancel(params.id);
      const record = await taskOf(params.id, producer, res);
      if (outcome === 'finished' && record.status !== 'cancelled') {
        throw new ServiceError(
          'task_finished',
          `The task is ${record.status} already and cannot be cancelled.`,
        );
      }
      res.status(outcome === 'stopping' ? 202 : 200).json(await present(record, options));
    },
  });
}

export function retryTask(options: Options): Route {
  const { producer } = options;
  return route({
    operationId: 'retryTask',
    method: 'post',
    path: '/api/v1/tasks/{id}/retry',
    tag: 'Tasks',
    scope: 'generate',
    summary: 'Submit the request of a finished task once more, as a new task',
    params: taskParams,
    responses: {
      202: { description: 'The new task.', body: submittedTaskSchema, headers: submissionHeaders },
    },
    errors: [
      'not_found',
      'gone',
      'task_not_finished',
      ...submissionErrors.filter((code) => retryErrors.has(code)),
    ],
    onRefused: options.metrics.submissionRefused,
    handle: async ({ params }, res) => {
      const old = await taskOf(params.id, producer, res);
      if (!isTerminal(old.status))
        throw new ServiceError('task_not_finished', 'Only a finished task can be submitted again.');
      const requests = [acceptedRequestSchema.parse(old.request)];
      const { records } = await admit(
        { kind: 'single', requests, notify: await producer.notice(old.id) },
        res,
        options,
      );
      for (const record of records) {
        const task = await present(record, options);
        res.location(task.links.self).set('Retry-After', String(retryAfterSeconds(task)));
        res.status(202).json(task);
      }
    },
  });
}

const retryErrors = new Set([
  'concurrency_limit',
  'quota_exceeded',
  'queue_full',
  'redis_full',
  'dependency_unavailable',
  'invalid_request',
]);

export function deleteTask({ producer, store }: Options): Route {
  return route({
    operationId: 'deleteTask',
    method: 'delete',
    path: '/api/v1/tasks/{id}',
    tag: 'Tasks',
    scope: 'generate',
    summary: 'Cancel a task, if need be, and remove it with its audio',
    params: taskParams,
    responses: { 204: { description: 'It is gone.' } },
    errors: ['not_found', 'gone', 'dependency_unavailable'],
    handle: async ({ params }, res) => {
      const { id } = await taskOf(params.id, producer, res);
      await producer.erase(id);
      // The janitor removes the audio too; what cannot be removed now, it removes later.
      await store.remove(taskKey(id)).catch((error: unknown) => {
        loggerOf(res).warn('audio not removed yet', { task_id: id, error });
      });
      res.status(204).end();
    },
  });
}

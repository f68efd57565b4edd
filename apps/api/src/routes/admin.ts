import {
  deadLettersSchema,
  drainingWorkerSchema,
  effectiveConfigSchema,
  pausedQueuesSchema,
  problemOf,
  ServiceError,
  taskSchema,
} from '@musicgen/contract';
import type { TaskRecord } from '@musicgen/queue';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { loggerOf } from '../logger-of.ts';
import { integerParameter, type Route, type RouteSpec, route } from '../openapi/route.ts';
import { present } from '../task-view.ts';
import { timestamp, timestampOrNull } from '../timestamps.ts';
import { exportRoute } from './export.ts';
import { priorityParams } from './priority-path.ts';
import { taskParams } from './task-id.ts';

export type AdminOptions = Pick<
  AppOptions,
  'admin' | 'monitor' | 'producer' | 'estimator' | 'effectiveConfig'
>;

const operate = {
  method: 'post',
  tag: 'Operation',
  scope: 'admin',
} as const satisfies Partial<RouteSpec>;

/** What operators do. */
export function adminRoutes(options: AdminOptions): Route[] {
  return [
    queueSwitch(options, 'pause'),
    queueSwitch(options, 'resume'),
    drainWorker(options),
    ...deadLetterRoutes(options),
    showConfig(options),
    exportRoute(options),
  ];
}

function queueSwitch({ admin }: AdminOptions, action: 'pause' | 'resume'): Route {
  const summaries = {
    pause: 'Keep workers from taking tasks of a priority',
    resume: 'Let workers take tasks of a priority again',
  };
  return route({
    ...operate,
    operationId: `${action}Queue`,
    path: `/api/v1/admin/queues/{priority}/${action}`,
    summary: summaries[action],
    description: 'What runs goes on, and new tasks are admitted all the same. Repeating it changes nothing.',
    params: priorityParams,
    invalidParams: 'unknown_priority',
    responses: { 200: { description: 'How it is now.', body: pausedQueuesSchema } },
    errors: ['unknown_priority', 'redis_full', 'dependency_unavailable'],
    handle: async ({ params: { priority } }, res) => {
      await admin[action](priority);
      const paused = await admin.paused();
      loggerOf(res).info(`queue ${action}d`, { priority });
      res.json({ priority, paused: paused.includes(priority), paused_priorities: paused });
    },
  });
}

function drainWorker({ admin }: AdminOptions): Route {
  return route({
    ...operate,
    operationId: 'drainWorker',
    path: '/api/v1/admin/workers/{id}/drain',
    summary: 'Let a worker finish what it has and exit',
    params: z.object({
      id: z
        .string()
        .regex(/^[\w.:-]{1,128}$/)
        .describe("The worker's id."),
    }),
    responses: { 202: { description: 'It is asked to.', body: drainingWorkerSchema } },
    errors: ['not_found', 'needs_fleet', 'redis_full', 'dependency_unavailable'],
    handle: async ({ params: { id } }, res) => {
      if (!(await admin.drainWorker(id))) throw new ServiceError('not_found', 'No live worker has this id.');
      loggerOf(res).info('worker asked to drain', { worker: id });
      res.status(202).json({ id, state: 'draining' });
    },
  });
}

function deadLetterRoutes({ admin, monitor, producer, estimator }: AdminOptions): Route[] {
  const path = '/api/v1/admin/dead-letters';
  return [
    route({
      ...operate,
      operationId: 'listDeadLetters',
      method: 'get',
      path,
      summary: 'Tasks that used up their attempts, the latest first',
      query: z.strictObject({
        limit: integerParameter({ min: 1, max: 100 }).default(20).describe('The most to list.'),
        cursor: z
          .string()
          .regex(/^\d{1,16}_[\w-]{1,64}$/, 'must be the next_cursor of another page')
          .optional()
          .describe('The `next_cursor` of the page before.'),
      }),
      responses: { 200: { description: 'A page of them.', body: deadLettersSchema } },
      errors: ['invalid_request', 'dependency_unavailable'],
      handle: async ({ query: { limit, cursor } }, res) => {
        const page = { limit, ...(cursor !== undefined && { cursor }) };
        const [total, { tasks, next }] = await Promise.all([monitor.deadLetters(), admin.deadLetters(page)]);
        res.json({ total, tasks: tasks.map(deadLetter), next_cursor: next ?? null });
      },
    }),
    route({
      ...operate,
      operationId: 'requeueDeadLetter',
      path: `${path}/{id}/requeue`,
      summary: 'Give a dead letter all its attempts and its time to live again',
      params: taskParams,
      responses: { 200: { description: 'The task, waiting again.', body: taskSchema } },
      errors: ['not_found', 'redis_full', 'dependency_unavailable'],
      handle: async ({ params: { id } }, res) => {
        const record = (await admin.requeue(id)) ? await producer.get(id) : undefined;
        if (record === undefined) throw noDeadLetter();
        loggerOf(res).info('dead letter requeued', { task_id: id });
        res.json(await present(record, { producer, estimator }));
      },
    }),
    route({
      ...operate,
      operationId: 'dropDeadLetter',
      method: 'delete',
      path: `${path}/{id}`,
      summary: 'Strike a dead letter off the list',
      description: 'The failed task itself stays until its time is over.',
      params: z.object({
        id: z
          .string()
          .regex(/^[\w-]{1,64}$/)
          .describe('As listed.'),
      }),
      responses: { 204: { description: 'It is off the list.' } },
      errors: ['not_found', 'redis_full', 'dependency_unavailable'],
      handle: async ({ params: { id } }, res) => {
        if (!(await admin.drop(id))) throw noDeadLetter();
        loggerOf(res).info('dead letter dropped', { task_id: id });
        res.status(204).end();
      },
    }),
  ];
}

function noDeadLetter(): ServiceError {
  return new ServiceError('not_found', 'There is no dead letter with this id.');
}

function deadLetter({ error, ...record }: TaskRecord) {
  return {
    id: record.id,
    priority: record.priority,
    error: error ? problemOf(error.code, error.detail) : null,
    attempt: record.attempt,
    max_attempts: record.maxAttempts,
    stalls: record.stalls,
    created_at: timestamp(record.createdAt),
    died_at: timestampOrNull(record.finishedAt),
    expires_at: timestamp(record.expiresAt),
    request: record.request,
  };
}

function showConfig({ effectiveConfig }: AdminOptions): Route {
  return route({
    ...operate,
    operationId: 'getConfig',
    method: 'get',
    path: '/api/v1/admin/config',
    summary: 'The settings of this process that are in force, without secrets',
    responses: { 200: { description: 'By the name of the variable.', body: effectiveConfigSchema } },
    errors: [],
    handle: (_input, res) => void res.json({ config: effectiveConfig }),
  });
}

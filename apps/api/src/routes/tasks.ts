import { hash } from 'node:crypto';
import {
  isTerminal,
  prioritySchema,
  type Task,
  taskPageSchema,
  taskSchema,
  taskStatuses,
} from '@musicgen/contract';
import type { TaskRecord } from '@musicgen/queue';
import type { Response } from 'express';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { callerOf } from '../caller.ts';
import { closeSignal } from '../close-signal.ts';
import { sendJsonText } from '../json-answer.ts';
import { retryAfterHeader } from '../openapi/document.ts';
import { integerParameter, type Route, route } from '../openapi/route.ts';
import { longestWaitSeconds } from '../request-headers.ts';
import { retryAfterSeconds } from '../retry-after.ts';
import type { SubmissionOptions } from '../submission.ts';
import { present } from '../task-view.ts';
import { waitForTask } from '../wait-for-task.ts';
import { cancelTask, changeTask, deleteTask, retryTask } from './task-changes.ts';
import { taskOf, taskParams } from './task-id.ts';

type Options = SubmissionOptions & Pick<AppOptions, 'lifecycle' | 'closing'>;

/** Reading, changing, ending and removing tasks. */
export function taskRoutes(options: Options): Route[] {
  return [
    getTask(options),
    listTasks(options),
    changeTask(options),
    cancelTask(options),
    retryTask(options),
    deleteTask(options),
  ];
}

function getTask(options: Options): Route {
  const { producer } = options;
  return route({
    operationId: 'getTask',
    method: 'get',
    path: '/api/v1/tasks/{id}',
    tag: 'Tasks',
    scope: 'generate',
    summary: 'One task',
    description: `With \`wait\` the answer comes as soon as the status changes (or, with \`If-None-Match\`, anything but the estimate
does), after at most so many seconds; a finished task is answered at once.`,
    params: taskParams,
    query: z.strictObject({
      wait: integerParameter({ min: 0, max: longestWaitSeconds })
        .optional()
        .describe('Seconds to wait for news of the task.'),
    }),
    headers: z.object({
      'if-none-match': z.string().optional().describe('The ETag of what is known already.'),
    }),
    responses: {
      200: {
        description: 'The task as it is now.',
        body: taskSchema,
        headers: {
          ETag: z.string().describe('Weak: the same as long as nothing but the estimate has changed.'),
          'Retry-After': retryAfterHeader.optional(),
        },
      },
      304: {
        description: 'Nothing has changed.',
        headers: { ETag: z.string().describe('As it was.'), 'Retry-After': retryAfterHeader.optional() },
      },
    },
    errors: ['not_found', 'gone', 'invalid_request', 'dependency_unavailable'],
    handle: async ({ params, query, headers }, res) => {
      const known = headers['if-none-match'];
      const first = await taskOf(params.id, producer, res);
      const record = query.wait
        ? await nextNews(first, { ...options, res, known, seconds: query.wait })
        : first;
      const task = await present(record, options);
      const { etag, text } = versioned(task);
      res.setHeader('ETag', etag).setHeader('Cache-Control', 'private, no-cache');
      if (task.finished_at === null) res.setHeader('Retry-After', retryAfterSeconds(task));
      if (res.req.fresh) return void res.status(304).end();
      sendJsonText(res, text);
    },
  });
}

/** A task as JSON, and the ETag of everything in it but what only time changes, which therefore stands at the end. */
function versioned({ eta, ...lasting }: Task): { etag: string; text: string } {
  const text = JSON.stringify(lasting);
  return {
    etag: `W/"${hash('sha256', text, 'base64url').slice(0, 22)}"`,
    text: `${text.slice(0, -1)},"eta":${JSON.stringify(eta)}}`,
  };
}

interface NewsOptions extends Options {
  res: Response;
  /** ETags that the caller has. */
  known: string | undefined;
  seconds: number;
}

/** The task when there is something about it that the caller has not seen. */
async function nextNews(
  first: TaskRecord,
  { res, known, seconds, ...options }: NewsOptions,
): Promise<TaskRecord> {
  if (known !== undefined && !known.includes(versioned(await present(first, options)).etag)) return first;
  return waitForTask({
    lifecycle: options.lifecycle,
    id: first.id,
    read: () => taskOf(first.id, options.producer, res),
    isEnough: (record) =>
      isTerminal(record.status) ||
      (known === undefined ? record.status !== first.status : record.updatedAt !== first.updatedAt),
    timeoutMs: seconds * 1000,
    signal: AbortSignal.any([options.closing, closeSignal(res)]),
  });
}

const page = z.strictObject({
  status: z.enum(taskStatuses).optional().describe('Only those of this status.'),
  priority: prioritySchema.optional().describe('Only those of this priority.'),
  limit: integerParameter({ min: 1, max: 100 }).default(20).describe('At most so many.'),
  cursor: z.string().max(100).optional().describe('`next_cursor` of the page before.'),
});

function listTasks(options: Options): Route {
  return route({
    operationId: 'listTasks',
    method: 'get',
    path: '/api/v1/tasks',
    tag: 'Tasks',
    scope: 'generate',
    summary: 'Your own tasks, the latest first',
    query: page,
    responses: {
      200: {
        description: 'A page of them.',
        body: taskPageSchema,
        headers: { Link: z.string().optional().describe('The next page: `<…>; rel="next"`.') },
      },
    },
    errors: ['invalid_request', 'dependency_unavailable'],
    handle: async ({ query }, res) => {
      const { owner } = callerOf(res);
      const { status, priority, limit, cursor } = query;
      const { tasks, nextCursor } = await options.producer.list({
        limit,
        ...(owner !== undefined && { owner }),
        ...(status !== undefined && { status }),
        ...(priority !== undefined && { priority }),
        ...(cursor !== undefined && { cursor }),
      });
      if (nextCursor !== undefined) res.set('Link', `<${pageUrl(res, nextCursor)}>; rel="next"`);
      res.json({
        tasks: await Promise.all(tasks.map((record) => present(record, options))),
        next_cursor: nextCursor ?? null,
      });
    },
  });
}

/** The same question for the next page. */
function pageUrl({ req }: Response, cursor: string): string {
  const [, search = ''] = req.originalUrl.split('?');
  const query = new URLSearchParams(search);
  query.set('cursor', cursor);
  return `/api/v1/tasks?${query}`;
}

import { isTerminal, type Task } from '@musicgen/contract';
import type { LifecycleEvent, LifecycleReader } from '@musicgen/queue';
import { createSession, type Session } from 'better-sse';
import type { Response } from 'express';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { closeSignal } from '../close-signal.ts';
import { followTask } from '../follow-task.ts';
import { loggerOf } from '../logger-of.ts';
import { type Route, route } from '../openapi/route.ts';
import { type PresentOptions, presentTask } from '../task-view.ts';
import { taskOf, taskParams } from './task-id.ts';

const keepAliveMs = 15_000;
const reconnectAfterMs = 2_000;
/**
 * What may lie here unsent for one client, beside what the system buffers: minutes of events. Whoever reads slower is cut
 * off and loses nothing, because it goes on with `Last-Event-ID`.
 */
const mostUnsentBytes = 64 * 1024;

type Options = Pick<AppOptions, 'producer' | 'estimator' | 'lifecycle' | 'metrics' | 'closing'>;

/**
 * A task's life as server-sent events. Every id is an id of the lifecycle stream in Redis, so a client that reconnects
 * with `Last-Event-ID` goes on at any API process, without a gap and without a repeat.
 */
export function eventRoutes(options: Options): Route[] {
  return [
    route({
      operationId: 'followTask',
      method: 'get',
      path: '/api/v1/tasks/{id}/events',
      head: 'refused',
      tag: 'Tasks',
      scope: 'generate',
      summary: "A task's life as server-sent events",
      description,
      params: taskParams,
      headers: z.object({
        'last-event-id': z.string().optional().describe('The id of the last event seen; goes on after it.'),
      }),
      responses: {
        200: { description: 'The events.', contentType: 'text/event-stream' },
        204: { description: 'The task has finished and all of its events were seen: do not reconnect.' },
      },
      errors: ['not_found', 'gone', 'dependency_unavailable'],
      handle: async ({ params, headers }, res) => {
        const { id, status } = await taskOf(params.id, options.producer, res);
        const resumed = await resume(id, lastEventIdOf(headers['last-event-id']), options.lifecycle);
        // 204 is how a server tells an EventSource that has seen everything to stop reconnecting.
        if (isTerminal(status) && resumed?.missed === 0) return void res.status(204).end();
        const after = resumed?.after ?? (await options.lifecycle.latestId());
        // A client that went away meanwhile has had its `close` already.
        if (!res.closed) await stream({ ...options, res, id, after, isResumed: resumed !== undefined });
      },
    }),
  ];
}

const description = `\`snapshot\` first, with the whole task; then \`progress\` and \`status\` as they happen; \`done\` with the whole task at
the end, and the stream closes. A comment every 15 seconds keeps idle connections open. The id of every event is valid at
every API process: send it as \`Last-Event-ID\` to go on without a gap and without a repeat. An id that is too old starts
over with a snapshot. A client that does not read is cut off, and goes on in the same way.`;

/** Where a client goes on; undefined for one that starts, or whose id is too old or foreign to go on from. */
async function resume(id: string, lastEventId: string | undefined, lifecycle: LifecycleReader) {
  const missed = lastEventId === undefined ? undefined : await lifecycle.since(id, lastEventId);
  return missed && { after: lastEventId, missed: missed.length };
}

interface StreamOptions extends Options {
  res: Response;
  id: string;
  after: string;
  isResumed: boolean;
}

async function stream({
  producer,
  estimator,
  lifecycle,
  metrics,
  closing,
  ...options
}: StreamOptions): Promise<void> {
  const { res, id, after, isResumed } = options;
  const signal = AbortSignal.any([closing, closeSignal(res)]);
  res.once('close', metrics.streamOpened());
  const session = await openSession(res);
  const hasFinished = !isResumed && (await sendSnapshot({ session, producer, estimator, id, after }));
  if (!hasFinished) {
    for await (const event of followTask({ lifecycle, taskId: id, after, signal })) {
      await sendEvent({ session, producer, estimator, event });
      if (res.writableLength > mostUnsentBytes) return cutOff(res);
    }
  }
  res.end();
}

/** Not ended, which would wait for everything to be read. */
function cutOff(res: Response): void {
  loggerOf(res).info('event stream cut off: the client reads too slowly', { bytes: res.writableLength });
  res.destroy();
}

/** Anything that is not an id of the stream counts as absent. */
function lastEventIdOf(given = ''): string | undefined {
  return /^\d{1,15}-\d{1,10}$/.test(given) ? given : undefined;
}

function openSession(res: Response): Promise<Session> {
  return createSession(res.req, res, {
    keepAlive: keepAliveMs,
    retry: reconnectAfterMs,
    headers: { 'Cache-Control': 'no-store, no-transform' },
  });
}

interface SnapshotOptions extends PresentOptions {
  session: Session;
  id: string;
  after: string;
}

/** The whole task as it is now; tells whether it has finished. */
async function sendSnapshot({ session, id, after, ...options }: SnapshotOptions): Promise<boolean> {
  const task = await presentTask(id, options);
  if (task === undefined) return true;
  session.push(task, 'snapshot', after);
  if (isTerminal(task.status)) session.push(task, 'done', after);
  return isTerminal(task.status);
}

interface EventOptions extends PresentOptions {
  session: Session;
  event: LifecycleEvent;
}

async function sendEvent({ session, event, ...options }: EventOptions): Promise<void> {
  const task = await presentTask(event.taskId, options);
  if (task === undefined || !session.isConnected) return;
  if (isTerminal(event.task.status)) session.push(task, 'done', event.id);
  else if (event.type === 'progress') session.push(progressOf(task, event), 'progress', event.id);
  else session.push(statusOf(task, event), 'status', event.id);
}

/** What the event itself says; only the estimate is as new as the record. */
function progressOf(task: Task, { task: changed }: LifecycleEvent) {
  const { frame, frames } = changed.progress ?? { frame: 0, frames: 0 };
  const ratio = frames > 0 ? frame / frames : 0;
  return {
    id: task.id,
    status: changed.status,
    stage: changed.stage ?? null,
    progress: { ratio, frame, frames },
    eta: task.eta,
  };
}

function statusOf(task: Task, { type, task: changed }: LifecycleEvent) {
  return {
    id: task.id,
    event: type,
    status: changed.status,
    attempt: changed.attempt,
    queue: task.queue,
    eta: task.eta,
  };
}

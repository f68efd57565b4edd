import { randomInt } from 'node:crypto';
import { type GenerateRequest, generateRequestSchema, ServiceError, type Task } from '@musicgen/contract';
import express, { type ErrorRequestHandler, type RequestHandler, Router } from 'express';
import { uuidv7 } from 'uuidv7';
import type { AppOptions } from '../app.ts';
import { asServiceError, InvalidRequest, methodNotAllowed } from '../middleware/handle-error.ts';
import { present } from '../task-view.ts';
import { taskIdOf, taskOf } from './task-id.ts';

/** Seeds that the service draws: plenty, and short enough to read out. */
const drawnSeeds = 2 ** 32;

type Options = Pick<AppOptions, 'producer' | 'limits' | 'maxAttempts' | 'metrics'>;

/** Submitting, reading and cancelling tasks. */
export function taskRoutes(options: Options): Router {
  const { producer, metrics } = options;
  const router = Router();

  router
    .route('/api/v1/generate')
    .post(onlyJson, express.json({ limit: '64kb' }), submit(options), countRejection(metrics))
    .all(methodNotAllowed('POST'));

  router
    .route('/api/v1/tasks/:id')
    .get(async (req, res) => {
      const task = await present(await taskOf(req, producer), producer);
      if (task.finished_at === null) res.set('Retry-After', String(retryAfterSeconds(task)));
      res.json(task);
    })
    .all(methodNotAllowed('GET'));

  router
    .route('/api/v1/tasks/:id/cancel')
    .post(async (req, res) => {
      const outcome = await producer.cancel(taskIdOf(req));
      const record = await taskOf(req, producer);
      if (outcome === 'finished' && record.status !== 'cancelled') {
        throw new ServiceError(
          'task_finished',
          `The task is ${record.status} already and cannot be cancelled.`,
        );
      }
      res.status(outcome === 'stopping' ? 202 : 200).json(await present(record, producer));
    })
    .all(methodNotAllowed('POST'));

  return router;
}

function submit({ producer, limits, maxAttempts, metrics }: Options): RequestHandler {
  const schema = generateRequestSchema(limits);
  return async (req, res) => {
    const { data: request, error } = schema.safeParse(req.body);
    if (error) throw new InvalidRequest(error);
    const record = await producer.enqueue({
      id: uuidv7(),
      priority: request.priority,
      request: withSeed(request),
      ttlSeconds: request.ttl,
      maxAttempts,
      requestId: res.locals.requestId,
    });
    metrics.taskSubmitted(record.priority);
    res.locals.logger.info('task submitted', { task_id: record.id, priority: record.priority });
    res.locals.logger.debug('prompt', { task_id: record.id, prompt: request.prompt });
    const task = await present(record, producer);
    res
      .status(202)
      .location(task.links.self)
      .set('Retry-After', String(retryAfterSeconds(task)))
      .json(task);
  };
}

/** A seed is always chosen, stored and returned, so that every piece can be made again. */
function withSeed(request: GenerateRequest) {
  return { ...request, seed: request.seed ?? randomInt(drawnSeeds) };
}

/** When it makes sense to ask again: 1 to 30 seconds. */
function retryAfterSeconds(task: Task): number {
  if (!task.eta?.finish_at) return 2;
  const seconds = Math.ceil((Date.parse(task.eta.finish_at) - Date.now()) / 1000);
  return Math.min(30, Math.max(1, seconds));
}

const onlyJson: RequestHandler = (req, _res, next) => {
  if (req.is('application/json')) return next();
  throw new ServiceError(
    'unsupported_media_type',
    'The body must be JSON, with Content-Type: application/json.',
  );
};

function countRejection(metrics: AppOptions['metrics']): ErrorRequestHandler {
  return (thrown, _req, _res, next) => {
    metrics.submissionRefused(asServiceError(thrown).code);
    next(thrown);
  };
}

import { pipeline } from 'node:stream/promises';
import {
  type ErrorCode,
  ServiceError,
  type TaskResult,
  type TaskStatus,
  taskResultSchema,
} from '@musicgen/contract';
import type { TaskRecord } from '@musicgen/queue';
import { audioKey, type ByteRange } from '@musicgen/storage';
import { type Request, type Response, Router } from 'express';
import type { AppOptions } from '../app.ts';
import { methodNotAllowed } from '../middleware/handle-error.ts';
import { taskOf } from './task-id.ts';

/** Finished audio, whole or in part. */
export function audioRoutes({ producer, store }: Pick<AppOptions, 'producer' | 'store'>): Router {
  const router = Router();
  router
    .route('/tasks/:id/audio')
    .get(async (req, res) => {
      const record = await taskOf(req, producer);
      const result = resultOf(record);
      const artifact = await store.open(audioKey(record.id, result.sha256));
      if (artifact === undefined) throw new ServiceError('gone', 'The audio of this task has been removed.');
      describe(res, record, result);
      if (req.query.download === '1') res.attachment(`${record.id}.wav`);
      if (req.fresh) return void res.status(304).end();

      const range = rangeOf(req, res, artifact.bytes);
      res.set('Content-Length', String(range ? range.end - range.start + 1 : artifact.bytes));
      if (range) res.status(206).set('Content-Range', `bytes ${range.start}-${range.end}/${artifact.bytes}`);
      if (req.method === 'HEAD') return void res.end();
      await pipeline(artifact.read(range), res).catch((error: unknown) => {
        // The client went away, or the file broke off: the headers are out, so the connection is all there is to end.
        res.locals.logger.info('audio not sent whole', { task_id: record.id, error });
        res.destroy();
      });
    })
    .all(methodNotAllowed('GET, HEAD'));
  return router;
}

const withoutResult: Record<Exclude<TaskStatus, 'completed'>, [ErrorCode, string]> = {
  pending: ['task_not_finished', 'The task is still waiting; follow its events or ask again later.'],
  processing: [
    'task_not_finished',
    'The task is still being worked on; follow its events or ask again later.',
  ],
  failed: ['task_failed', 'The task failed, so there is no audio.'],
  cancelled: ['task_cancelled', 'The task was cancelled, so there is no audio.'],
  expired: ['task_expired', 'The task expired before it was finished, so there is no audio.'],
};

function resultOf(record: TaskRecord): TaskResult {
  if (record.status === 'completed') return taskResultSchema.parse(record.result);
  throw new ServiceError(...withoutResult[record.status]);
}

/** The content of a task never changes, so its hash is a strong validator and any cache may keep it. */
function describe(res: Response, record: TaskRecord, result: TaskResult): void {
  const remainingSeconds = Math.max(0, Math.floor((record.expiresAt - Date.now()) / 1000));
  res.set({
    'Content-Type': 'audio/wav',
    'Accept-Ranges': 'bytes',
    ETag: `"${result.sha256}"`,
    'Repr-Digest': `sha-256=:${Buffer.from(result.sha256, 'hex').toString('base64')}:`,
    'Cache-Control': `private, max-age=${remainingSeconds}, immutable`,
  });
}

/**
 * The one range to answer with, or undefined for the whole. Several ranges, other units and a stale `If-Range` get the
 * whole, as RFC 9110 allows.
 */
function rangeOf(req: Request, res: Response, bytes: number): ByteRange | undefined {
  const ifRange = req.get('If-Range');
  if (ifRange !== undefined && ifRange !== res.get('ETag')) return undefined;
  const ranges = req.range(bytes, { combine: true });
  if (ranges === -1) {
    res.set('Content-Range', `bytes */${bytes}`);
    throw new ServiceError('range_not_satisfiable', `The range must lie within 0 and ${bytes - 1}.`);
  }
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1)
    return undefined;
  return ranges[0];
}

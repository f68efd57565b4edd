import { pipeline } from 'node:stream/promises';
import { type ErrorCode, ServiceError, type TaskResult, type TaskStatus } from '@musicgen/contract';
import type { TaskRecord } from '@musicgen/queue';
import { type Artifact, audioKey, type ByteRange } from '@musicgen/storage';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { callerOf } from '../caller.ts';
import { type Route, route } from '../openapi/route.ts';
import { storedResult } from '../task-view.ts';
import { taskOf, taskParams } from './task-id.ts';

/** Finished audio, whole or in part. */
export function audioRoutes({ producer, store }: Pick<AppOptions, 'producer' | 'store'>): Route[] {
  return [
    route({
      operationId: 'getAudio',
      method: 'get',
      path: '/api/v1/tasks/{id}/audio',
      tag: 'Audio',
      scope: 'generate',
      summary: 'The music of a finished task',
      params: taskParams,
      query: z.strictObject({
        download: z.enum(['0', '1']).optional().describe('1 names a file to save it under.'),
      }),
      headers: z.object({
        range: z.string().optional().describe('One range of bytes; several get the whole.'),
        'if-range': z.string().optional().describe('The ETag that the range belongs to.'),
        'if-none-match': z.string().optional().describe('ETags that are known already.'),
      }),
      responses: {
        200: { description: 'The whole file.', contentType: 'audio/wav', headers: fileHeaders },
        206: {
          description: 'The range that was asked for.',
          contentType: 'audio/wav',
          headers: { ...fileHeaders, 'Content-Range': z.string().describe('Which bytes of how many.') },
        },
        304: { description: 'Known already.', headers: fileHeaders },
      },
      errors: [
        'not_found',
        'task_not_finished',
        'task_failed',
        'task_cancelled',
        'task_expired',
        'gone',
        'range_not_satisfiable',
        'dependency_unavailable',
      ],
      refusalHeaders: { 416: { 'Content-Range': z.string().describe('The size: `bytes */bytes`.') } },
      handle: async ({ params, query }, res) => {
        const record = await taskOf(params.id, producer, callerOf(res));
        const { sha256 } = resultOf(record);
        const artifact = await store.open(audioKey(record.id, sha256));
        if (artifact === undefined)
          throw new ServiceError('gone', 'The audio of this task has been removed.');

        const { req } = res;
        const etag = `"${sha256}"`;
        const range = rangeOf(req, { bytes: artifact.bytes, etag });
        if (range === 'unsatisfiable') return refuseRange(res, artifact.bytes);
        describe(res, { record, etag, sha256 });
        if (query.download === '1') res.attachment(`${record.id}.wav`);
        if (req.fresh) return void res.status(304).end();
        await send({ req, res, artifact, range });
      },
    }),
  ];
}

const fileHeaders = {
  ETag: z.string().describe('Strong: the hash of the content.'),
  'Accept-Ranges': z.literal('bytes').describe('Ranges of bytes are possible.'),
  'Repr-Digest': z.string().describe('SHA-256 of the whole file (RFC 9530).'),
  'Cache-Control': z.string().describe('As long as the task is kept.'),
  'Content-Disposition': z.string().optional().describe('With `download=1`: the name of the file.'),
};

interface SendOptions {
  req: Request;
  res: Response;
  artifact: Artifact;
  range: ByteRange | undefined;
}

async function send({ req, res, artifact, range }: SendOptions): Promise<void> {
  const { bytes } = artifact;
  res.set('Content-Length', String(range ? range.end - range.start + 1 : bytes));
  if (range) res.status(206).set('Content-Range', `bytes ${range.start}-${range.end}/${bytes}`);
  if (req.method === 'HEAD') return void res.end();
  await pipeline(artifact.read(range), res).catch((error: unknown) => {
    // The client went away, or the file broke off: the headers are out, so the connection is all there is to end.
    res.locals.logger.info('audio not sent whole', { error });
    res.destroy();
  });
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
  if (record.status === 'completed') return storedResult(record);
  throw new ServiceError(...withoutResult[record.status]);
}

/** The content of a task never changes, so its hash is a strong validator and any cache may keep it. */
function describe(
  res: Response,
  { record, etag, sha256 }: { record: TaskRecord; etag: string; sha256: string },
): void {
  const remainingSeconds = Math.max(0, Math.floor((record.expiresAt - Date.now()) / 1000));
  res.set({
    'Content-Type': 'audio/wav',
    'Accept-Ranges': 'bytes',
    ETag: etag,
    'Repr-Digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
    'Cache-Control': `private, max-age=${remainingSeconds}, immutable`,
  });
}

/**
 * The one range to answer with, or undefined for the whole. Ranges belong to GET alone; several of them, other units and
 * a stale `If-Range` get the whole, as RFC 9110 allows.
 */
function rangeOf(
  req: Request,
  { bytes, etag }: { bytes: number; etag: string },
): ByteRange | 'unsatisfiable' | undefined {
  const ifRange = req.get('If-Range');
  if (req.method !== 'GET' || (ifRange !== undefined && ifRange !== etag)) return undefined;
  const ranges = req.range(bytes, { combine: true });
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1)
    return undefined;
  return ranges[0];
}

function refuseRange(res: Response, bytes: number): never {
  res.set('Content-Range', `bytes */${bytes}`);
  throw new ServiceError('range_not_satisfiable', `The range must lie within 0 and ${bytes - 1}.`);
}

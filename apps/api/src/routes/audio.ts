import { type AudioFormat, audioFormatNames, audioFormats, ServiceError } from '@musicgen/contract';
import { audioKey } from '@musicgen/storage';
import type { Request } from 'express';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { type Route, route } from '../openapi/route.ts';
import type { Renditions } from '../renditions.ts';
import { fileHeaders, fileRequestHeaders, rangeHeaders, sendFile } from '../send-file.ts';
import { storedRequest } from '../task-view.ts';
import { formatOfType } from './audio-types.ts';
import { type FinishedTask, finishedTask, finishedTaskErrors, requireStored } from './finished-task.ts';
import { sendPreview } from './preview.ts';
import { renditionTag } from './rendition-tag.ts';
import { taskParams } from './task-id.ts';

type Options = Pick<AppOptions, 'producer' | 'store'> & { renditions: Renditions };

/** Finished audio in every format, whole or in part. */
export function audioRoutes({ producer, store, renditions }: Options): Route[] {
  async function open({ record, result }: FinishedTask, format: AudioFormat) {
    const { id: taskId, expiresAt } = record;
    const { sha256 } = result;
    if (format === 'wav')
      return { artifact: await store.open(audioKey(taskId, sha256)), etag: `"${sha256}"`, sha256 };
    const artifact = await renditions.open({ taskId, sha256, expiresAt, rendition: format });
    return { artifact, etag: renditionTag(sha256, format) };
  }

  return [
    route({
      operationId: 'getAudio',
      method: 'get',
      path: '/api/v1/tasks/{id}/audio',
      tag: 'Audio',
      scope: 'generate',
      summary: 'The music of a finished task',
      description:
        'In the format that `format` names, else the best of those that `Accept` allows, else that of the request. What is asked for the first time is made then, which takes some seconds for a long piece, and kept.',
      params: taskParams,
      query: z.strictObject({
        format: z
          .string()
          .optional()
          .describe(`One of ${audioFormatNames.join(', ')}.`),
        preview: z
          .enum(['0', '1'])
          .optional()
          .describe(
            '1 sends what a running task has made so far, as WAV, if it was submitted with `preview`. The file grows: ask with `If-None-Match`, or for the `Range` that you lack. Once the task has finished, it is the whole.',
          ),
        download: z.enum(['0', '1']).optional().describe('1 names a file to save it under.'),
      }),
      headers: fileRequestHeaders.extend({
        range: z.string().optional().describe('One range of bytes; several get the whole.'),
        'if-range': z.string().optional().describe('The ETag that the range belongs to.'),
        accept: z.string().optional().describe('Media types to choose the format by.'),
      }),
      responses: {
        200: { description: 'The whole file.', contentType: mediaTypes, headers: audioHeaders },
        206: {
          description: 'The range that was asked for.',
          contentType: mediaTypes,
          headers: { ...audioHeaders, ...rangeHeaders },
        },
        304: { description: 'Known already.', headers: audioHeaders },
      },
      errors: [...finishedTaskErrors, 'not_acceptable', 'range_not_satisfiable', 'overloaded'],
      refusalHeaders: { 416: { 'Content-Range': z.string().describe('The size: `bytes */bytes`.') } },
      handle: async ({ params, query }, res) => {
        const wantsPreview = query.preview === '1';
        if (wantsPreview) {
          requireWav(query.format);
          if ((await sendPreview(res, { id: params.id, producer, store })) === undefined) return;
        }
        const task = await finishedTask(params.id, producer, res);
        const format = wantsPreview
          ? 'wav'
          : formatFor(res.req, query.format, storedRequest(task.record).format);
        const { artifact, ...file } = await open(task, format);
        const stored = requireStored(artifact);
        res.vary('Accept');
        await sendFile(res, {
          ...file,
          artifact: stored,
          ranges: 'bytes',
          contentType: audioFormats[format],
          expiresAt: task.record.expiresAt,
          ...(query.download === '1' && { downloadName: `${task.record.id}.${format}` }),
        });
      },
    }),
  ];
}

const mediaTypes = Object.values(audioFormats);

const audioHeaders = {
  ...fileHeaders,
  'Accept-Ranges': z.literal('bytes').describe('Ranges of bytes are possible.'),
  'Repr-Digest': z.string().optional().describe('SHA-256 of the original (RFC 9530).'),
  'Content-Disposition': z.string().optional().describe('With `download=1`: the name of the file.'),
};

/** @throws ServiceError `not_acceptable`. */
function requireWav(named: string | undefined): void {
  if (named !== undefined && named !== 'wav')
    throw new ServiceError('not_acceptable', 'A preview can be had as wav (audio/wav) only.');
}

/** @throws ServiceError `not_acceptable`. */
function formatFor(req: Request, named: string | undefined, usual: AudioFormat): AudioFormat {
  const known = audioFormatNames.find((name) => name === named);
  if (known) return known;
  const accepted = named === undefined ? acceptedBy(req, usual) : undefined;
  if (accepted) return accepted;
  const offered = audioFormatNames.map((name) => `${name} (${audioFormats[name]})`).join(', ');
  throw new ServiceError('not_acceptable', `The audio can be had as ${offered}.`);
}

/** Where the caller has no favourite, the format of the task's request comes first. */
function acceptedBy(req: Request, usual: AudioFormat): AudioFormat | undefined {
  const best = req.accepts([audioFormats[usual], ...Object.keys(formatOfType)]);
  return best === false ? undefined : formatOfType[best];
}

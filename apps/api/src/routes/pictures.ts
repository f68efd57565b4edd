import { json } from 'node:stream/consumers';
import { type Rendition, withFewerPoints } from '@musicgen/audio';
import { type ErrorCode, peaksSchema } from '@musicgen/contract';
import { memoryArtifact } from '@musicgen/storage';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { integerParameter, type Route, route } from '../openapi/route.ts';
import type { Renditions } from '../renditions.ts';
import { fileHeaders, fileRequestHeaders, sendFile } from '../send-file.ts';
import { finishedTask, finishedTaskErrors, requireStored } from './finished-task.ts';
import { renditionTag } from './rendition-tag.ts';
import { taskParams } from './task-id.ts';

type Options = Pick<AppOptions, 'producer'> & { renditions: Renditions };

const errors: ErrorCode[] = [...finishedTaskErrors, 'overloaded'];
const known = { description: 'Known already.', headers: fileHeaders };

/** What players, chats and READMEs show of a finished piece. */
export function pictureRoutes(options: Options): Route[] {
  return [
    peaksRoute(options),
    pictureRoute(options, {
      operationId: 'getWaveform',
      ending: 'waveform.svg',
      summary: 'The waveform as an SVG in the colour of the text around it',
      rendition: 'waveform',
      contentType: 'image/svg+xml',
    }),
    pictureRoute(options, {
      operationId: 'getSpectrogram',
      ending: 'spectrogram.png',
      summary: 'The frequencies over time as a PNG of 1024 × 256',
      rendition: 'spectrogram',
      contentType: 'image/png',
    }),
  ];
}

interface Picture {
  operationId: string;
  ending: string;
  summary: string;
  rendition: Rendition;
  contentType: string;
}

function pictureRoute(
  { producer, renditions }: Options,
  { operationId, ending, summary, rendition, contentType }: Picture,
): Route {
  return route({
    operationId,
    method: 'get',
    path: `/api/v1/tasks/{id}/${ending}`,
    tag: 'Audio',
    scope: 'generate',
    summary,
    params: taskParams,
    headers: fileRequestHeaders,
    responses: {
      200: { description: 'The picture.', contentType, headers: fileHeaders },
      304: known,
    },
    errors,
    handle: async ({ params }, res) => {
      const { record, result } = await finishedTask(params.id, producer, res);
      const { id: taskId, expiresAt } = record;
      const { sha256 } = result;
      const artifact = requireStored(await renditions.open({ taskId, sha256, expiresAt, rendition }));
      await sendFile(res, {
        artifact,
        contentType,
        expiresAt,
        etag: renditionTag(sha256, rendition),
        ranges: 'none',
      });
    },
  });
}

/** What a screen needs where nothing is said. */
const usualPoints = 1_000;
const mostPoints = 8_192;

function peaksRoute({ producer, renditions }: Options): Route {
  return route({
    operationId: 'getPeaks',
    method: 'get',
    path: '/api/v1/tasks/{id}/peaks',
    tag: 'Audio',
    scope: 'generate',
    summary: 'The waveform as numbers: give `peaks` and `duration` to wavesurfer.js',
    params: taskParams,
    query: z.strictObject({
      points: integerParameter({ min: 1, max: mostPoints })
        .default(usualPoints)
        .describe('Pairs of lowest and highest sample for each channel; a short piece may have fewer.'),
    }),
    headers: fileRequestHeaders,
    responses: {
      200: { description: 'The peaks.', body: peaksSchema, headers: fileHeaders },
      304: known,
    },
    errors: [...errors, 'invalid_request'],
    handle: async ({ params, query: { points } }, res) => {
      const { record, result } = await finishedTask(params.id, producer, res);
      const { id: taskId, expiresAt } = record;
      const { sha256 } = result;
      const finest = requireStored(await renditions.open({ taskId, sha256, expiresAt, rendition: 'peaks' }));
      const peaks = withFewerPoints(peaksSchema.parse(await json(await finest.read())), points);
      await sendFile(res, {
        artifact: memoryArtifact(Buffer.from(JSON.stringify(peaks))),
        contentType: 'application/json; charset=utf-8',
        expiresAt,
        etag: renditionTag(sha256, `peaks-${points}`),
        ranges: 'none',
      });
    },
  });
}

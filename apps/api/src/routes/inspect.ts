import { Transform } from 'node:stream';
import { readProvenance } from '@musicgen/audio';
import { inspectionSchema, ServiceError } from '@musicgen/contract';
import type { Request } from 'express';
import { type Route, route } from '../openapi/route.ts';
import { formatOfType } from './audio-types.ts';

/** More than ten minutes of stereo as WAV. */
const mostBytes = 100 * 1024 * 1024;

/** What a file of ours was made from, by its own tags: nothing is looked up and nothing is kept. */
export function inspectRoutes(): Route[] {
  return [
    route({
      operationId: 'inspectAudio',
      method: 'post',
      path: '/api/v1/inspect',
      tag: 'Audio',
      scope: 'generate',
      summary: 'What an audio file of ours was made from',
      description:
        'Reads the tags of the file in the body while it arrives: prompt, seed, model, licence and the rest. Tags can be edited by anyone, so this is what the file says, not a proof.',
      rawBody: {
        contentType: Object.keys(formatOfType),
        description: `The file, at most ${mostBytes / 1024 / 1024} MB.`,
      },
      responses: { 200: { description: 'What the tags say.', body: inspectionSchema } },
      errors: ['payload_too_large', 'unsupported_media_type', 'unreadable_audio'],
      handle: async (_input, res) => void res.json(await readProvenance(boundedBody(res.req))),
    }),
  ];
}

/** @throws ServiceError `payload_too_large`, at once where the length is announced, else on the way. */
function boundedBody(req: Request): AsyncIterable<Uint8Array> {
  if (Number(req.get('Content-Length') ?? 0) > mostBytes) throw tooLarge();
  let bytes = 0;
  const bounded = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.length;
      done(bytes > mostBytes ? tooLarge() : null, chunk);
    },
  });
  return req.pipe(bounded);
}

function tooLarge(): ServiceError {
  return new ServiceError('payload_too_large', `The file may have at most ${mostBytes / 1024 / 1024} MB.`);
}

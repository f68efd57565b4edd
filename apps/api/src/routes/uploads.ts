import { Readable } from 'node:stream';
import { describeWav } from '@musicgen/audio';
import { ServiceError, uploadIdSchema, uploadSchema } from '@musicgen/contract';
import { ownerUploadsKey, uploadKey } from '@musicgen/storage';
import type { Request } from 'express';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { callerOf } from '../caller.ts';
import { integerParameter, type Route, route } from '../openapi/route.ts';
import { timestamp } from '../timestamps.ts';
import { newUploadId } from '../uploads.ts';
import { formatOfType } from './audio-types.ts';

type Options = Pick<AppOptions, 'store' | 'limits' | 'uploads'>;

/** Audio that a caller sends to have it continued. */
export function uploadRoutes(options: Options): Route[] {
  return [uploadAudio(options), deleteUpload(options)];
}

const wavTypes = Object.keys(formatOfType).filter((type) => formatOfType[type] === 'wav');
/** Twice as long as a task may live. */
const longestTtlSeconds = 1_209_600;

function uploadAudio({ store, limits, uploads }: Options): Route {
  const { maxMegabytes, mostPerOwner } = uploads;
  const { maxDurationSeconds, defaultTtlSeconds } = limits;
  return route({
    operationId: 'uploadAudio',
    method: 'post',
    path: '/api/v1/uploads',
    tag: 'Audio',
    scope: 'generate',
    summary: 'Send audio to go on from',
    description:
      'Stores a WAV file for `continue_from` of later requests, under an id that only you can use. It is removed after `ttl`; a task goes on from it only if it is kept at least as long as the task may live.',
    rawBody: {
      contentType: wavTypes,
      description: `A WAV file (PCM of 16, 24 or 32 bits, or 32-bit float), at most ${maxMegabytes} MB and ${maxDurationSeconds} s.`,
    },
    query: z.strictObject({
      ttl: integerParameter({ min: 60, max: longestTtlSeconds })
        .default(defaultTtlSeconds + 86_400)
        .describe('Seconds to keep it; a day longer than a task where nothing is said.'),
    }),
    responses: { 201: { description: 'Stored.', body: uploadSchema } },
    errors: [
      'length_required',
      'payload_too_large',
      'unsupported_media_type',
      'unreadable_audio',
      'upload_limit',
      'dependency_unavailable',
    ],
    handle: async ({ query: { ttl } }, res) => {
      const { owner } = callerOf(res);
      const bytes = bodyLength(res.req, maxMegabytes);
      if (await isFull(store.list(ownerUploadsKey(owner)), mostPerOwner)) {
        const detail = `${mostPerOwner} of your uploads are kept, and no more may be; delete some, or give them a shorter ttl.`;
        throw new ServiceError('upload_limit', detail);
      }
      const { start, stream } = await readStart(res.req);
      const { seconds, sampleRate, channels } = describeWav(start, bytes);
      if (seconds > maxDurationSeconds) {
        const detail = `The audio is ${Math.ceil(seconds)} s long; at most ${maxDurationSeconds} s are accepted.`;
        throw new ServiceError('payload_too_large', detail);
      }
      const expiresAt = new Date(Date.now() + ttl * 1000);
      const uploadId = newUploadId(expiresAt);
      await store.put(uploadKey({ owner, uploadId }), { bytes, stream }).catch((error: unknown) => {
        throw res.req.errored ? brokenOff(error) : error;
      });
      res.status(201).json({
        id: uploadId,
        bytes,
        duration: seconds,
        sample_rate: sampleRate,
        channels,
        expires_at: timestamp(expiresAt.getTime()),
      });
    },
  });
}

/** @throws ServiceError `length_required`, `unsupported_media_type`, `payload_too_large`. */
function bodyLength(req: Request, maxMegabytes: number): number {
  const encoding = req.get('Content-Encoding') ?? 'identity';
  if (encoding !== 'identity')
    throw new ServiceError('unsupported_media_type', 'The file must be sent as it is, without an encoding.');
  const length = req.get('Content-Length');
  if (length === undefined)
    throw new ServiceError('length_required', 'The request must say by Content-Length how long the file is.');
  if (Number(length) > maxMegabytes * 1024 * 1024)
    throw new ServiceError('payload_too_large', `The file may have at most ${maxMegabytes} MB.`);
  return Number(length);
}

async function isFull(keys: AsyncIterable<string>, most: number): Promise<boolean> {
  let count = 0;
  for await (const _key of keys) {
    count += 1;
    if (count >= most) return true;
  }
  return false;
}

/** Everything that stands before the samples of a usual file: tags come behind them, or are short. */
const startBytes = 64 * 1024;

/** The first bytes of a body, and the whole of it with them. @throws ServiceError `malformed_request`. */
async function readStart(req: Request): Promise<{ start: Buffer; stream: Readable }> {
  // Whoever sends too much or the wrong thing shall still be able to read the answer.
  const chunks = req.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  const first: Buffer[] = [];
  for (let bytes = 0; bytes < startBytes; ) {
    const { done, value } = await chunks.next().catch((error: unknown) => {
      throw brokenOff(error);
    });
    if (done) break;
    first.push(value);
    bytes += value.length;
  }
  async function* whole() {
    yield* first.splice(0);
    yield* chunks;
  }
  const start = Buffer.concat(first);
  return { start, stream: Readable.from(whole(), { objectMode: false }) };
}

function brokenOff(cause: unknown): ServiceError {
  return new ServiceError('malformed_request', 'The body broke off.', { cause });
}

function deleteUpload({ store }: Options): Route {
  return route({
    operationId: 'deleteUpload',
    method: 'delete',
    path: '/api/v1/uploads/{id}',
    tag: 'Audio',
    scope: 'generate',
    summary: 'Remove audio that was sent',
    description: 'Tasks that were to go on from it and have not begun will fail.',
    params: z.object({ id: uploadIdSchema }),
    responses: { 204: { description: 'It is gone.' } },
    errors: ['not_found', 'dependency_unavailable'],
    handle: async ({ params }, res) => {
      const key = uploadKey({ owner: callerOf(res).owner, uploadId: params.id });
      if ((await store.open(key)) === undefined)
        throw new ServiceError('not_found', 'There is no upload of yours with this id.');
      await store.remove(key);
      res.status(204).end();
    },
  });
}

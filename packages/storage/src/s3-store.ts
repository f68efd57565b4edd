import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { audioFormats, type ErrorCode, ServiceError } from '@musicgen/contract';
import { type ArtifactStore, checkKey, type StreamedContent } from './artifact-store.ts';
import { createS3Client, type S3ClientOptions, type S3Request } from './s3-client.ts';
import { readListing } from './s3-listing.ts';

export interface S3StoreOptions extends S3ClientOptions {
  /** Before every key, without a `/` at its ends; may be empty. */
  prefix: string;
}

/** Artifacts as objects in a bucket of any server that speaks S3. */
export function createS3Store({ prefix, ...clientOptions }: S3StoreOptions): ArtifactStore {
  const send = createS3Client(clientOptions);
  const objectOf = (key: string) => (prefix === '' ? checkKey(key) : `${prefix}/${checkKey(key)}`);

  async function read(object: string, headers: Record<string, string>): Promise<Readable> {
    const response = await send({ method: 'GET', object, headers });
    if (response.status === 404 || response.status === 412)
      throw new ServiceError('gone', 'What was here has been removed or replaced.');
    const { body } = await accepted(response, { doing: `read ${object}`, code: 'dependency_unavailable' });
    return body === null ? Readable.from([]) : Readable.fromWeb(body as ReadableStream<Uint8Array>);
  }

  /** A listing has up to 1000 names; what is removed meanwhile does not disturb the next page. */
  async function* objectsUnder(object: string): AsyncGenerator<string> {
    for (let token: string | undefined = ''; token !== undefined; ) {
      const query: S3Request['query'] = {
        'list-type': '2',
        prefix: `${object}/`,
        ...(token !== '' && { 'continuation-token': token }),
      };
      const response = await send({ method: 'GET', query }, 'storage_failed');
      const { ok } = await accepted(response, { doing: `list ${object}`, code: 'storage_failed' });
      const page = readListing(ok ? await response.text() : '');
      yield* page.keys;
      token = page.nextToken;
    }
  }

  async function removeObject(object: string): Promise<void> {
    const response = await send({ method: 'DELETE', object }, 'storage_failed');
    if (response.status === 404) return;
    await accepted(response, { doing: `remove ${object}`, code: 'storage_failed' });
  }

  return {
    async put(key, content) {
      const object = objectOf(key);
      const headers = { 'Content-Type': contentTypeOf(key), ...bodyHeaders(content) };
      const body = content instanceof Uint8Array ? content : content.stream;
      const response = await send({ method: 'PUT', object, headers, body }, 'storage_failed');
      await accepted(response, { doing: `store ${object}`, code: 'storage_failed' });
    },

    async open(key) {
      const object = objectOf(key);
      const response = await send({ method: 'HEAD', object });
      if (response.status === 404) return undefined;
      await accepted(response, { doing: `look for ${object}`, code: 'dependency_unavailable' });
      const etag = response.headers.get('ETag');
      return {
        bytes: Number(response.headers.get('Content-Length')),
        read: (range) =>
          read(object, {
            ...(etag !== null && { 'If-Match': etag }),
            ...(range && { Range: `bytes=${range.start}-${range.end}` }),
          }),
      };
    },

    async remove(key) {
      const object = objectOf(key);
      await removeObject(object);
      for await (const inner of objectsUnder(object)) await removeObject(inner);
    },

    async *list(key) {
      const start = prefix === '' ? 0 : prefix.length + 1;
      for await (const object of objectsUnder(objectOf(key))) yield object.slice(start);
    },
  };
}

/** The hash of what is still to arrive is not known; the connection's encryption protects it. */
function bodyHeaders(content: Uint8Array | StreamedContent): Record<string, string> {
  if (!(content instanceof Uint8Array))
    return { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD', 'Content-Length': String(content.bytes) };
  return { 'X-Amz-Content-Sha256': createHash('sha256').update(content).digest('hex') };
}

/** @throws ServiceError with the server's own reason. */
async function accepted(
  response: Response,
  { doing, code }: { doing: string; code: ErrorCode },
): Promise<Response> {
  if (response.ok) return response;
  const [, reason = 'no reason given'] = /<Code>([\w.-]{1,100})<\/Code>/.exec(await response.text()) ?? [];
  throw new ServiceError(code, `The artifact store refused to ${doing}: ${response.status} (${reason}).`);
}

/** For whoever looks into the bucket. */
function contentTypeOf(key: string): string {
  const ending = extname(key).slice(1);
  const types: Record<string, string> = {
    ...audioFormats,
    json: 'application/json',
    svg: 'image/svg+xml',
    png: 'image/png',
  };
  return types[ending] ?? 'application/octet-stream';
}

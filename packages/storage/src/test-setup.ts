import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'a secret/of+ours' };
export const region = 'eu-central-1';
export const bucket = 'music';

/** How many names a listing has: few, so that tests see several pages. */
const pageSize = 3;

interface StoredObject {
  content: Buffer;
  contentType: string | undefined;
}

/**
 * As much of S3 as the store needs, in memory. Every request's signature is worked out anew from its bytes, by AWS's
 * description and not by the client's code, and what does not match is refused as AWS does.
 */
export async function startS3Server() {
  const objects = new Map<string, StoredObject>();
  const seen: string[] = [];
  const failures: number[] = [];
  const server = createServer((req, res) => {
    seen.push(`${req.method} ${req.url}`);
    const failure = failures.shift();
    if (failure !== undefined) return refuse(res, failure, 'SlowDown');
    return void answer(req, res, objects);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    /** Every request there was, as `PUT /music/…`. */
    seen,
    /** The statuses with which the next requests fail. */
    failures,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(req: IncomingMessage, res: ServerResponse, objects: Map<string, StoredObject>) {
  const url = new URL(req.url ?? '/', 'http://server');
  const body = await buffer(req);
  const problem = signatureProblem(req, url, body);
  if (problem !== undefined) return refuse(res, 403, problem);
  const [, givenBucket, ...rest] = url.pathname.split('/');
  if (givenBucket !== bucket) return refuse(res, 404, 'NoSuchBucket');
  const name = decodeURIComponent(rest.join('/'));
  if (name === '') return list(url, res, objects);
  switch (req.method) {
    case 'PUT':
      objects.set(name, { content: body, contentType: req.headers['content-type'] });
      return void res.end();
    case 'DELETE':
      objects.delete(name);
      return void res.writeHead(204).end();
    default:
      return send(req, res, objects.get(name));
  }
}

function send(req: IncomingMessage, res: ServerResponse, object: StoredObject | undefined) {
  if (object === undefined) return refuse(res, 404, 'NoSuchKey');
  const etag = `"${createHash('md5').update(object.content).digest('hex')}"`;
  if ((req.headers['if-match'] ?? etag) !== etag) return refuse(res, 412, 'PreconditionFailed');
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '') ?? [];
  const part = start === undefined ? object.content : object.content.subarray(Number(start), Number(end) + 1);
  res.writeHead(start === undefined ? 200 : 206, { 'Content-Length': part.length, ETag: etag });
  res.end(req.method === 'HEAD' ? undefined : part);
}

function list(url: URL, res: ServerResponse, objects: Map<string, StoredObject>) {
  const prefix = url.searchParams.get('prefix') ?? '';
  const after = url.searchParams.get('continuation-token')?.replace('after & <', '') ?? '';
  const names = [...objects.keys()].filter((name) => name.startsWith(prefix) && name > after).sort();
  const page = names.slice(0, pageSize);
  const more = names.length > page.length;
  res.end(
    `<?xml version="1.0"?><ListBucketResult>${page.map((name) => `<Contents><Key>${name}</Key></Contents>`).join('')}` +
      `<IsTruncated>${more}</IsTruncated>` +
      // A token is the server's own text and may hold anything that XML must escape.
      `${more ? `<NextContinuationToken>after &amp; &lt;${page.at(-1)}</NextContinuationToken>` : ''}</ListBucketResult>`,
  );
}

function refuse(res: ServerResponse, status: number, code: string) {
  res.writeHead(status).end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
}

function signatureProblem(req: IncomingMessage, url: URL, body: Buffer): string | undefined {
  const payloadHash = String(req.headers['x-amz-content-sha256']);
  const isHashed = payloadHash !== 'UNSIGNED-PAYLOAD';
  if (isHashed && payloadHash !== createHash('sha256').update(body).digest('hex'))
    return 'XAmzContentSHA256Mismatch';
  // Real servers do not take a body whose length they do not know.
  if (req.method === 'PUT' && req.headers['content-length'] === undefined) return 'MissingContentLength';
  const pattern =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)$/;
  const [, keyId, , givenRegion = '', names = '', given] =
    pattern.exec(req.headers.authorization ?? '') ?? [];
  if (keyId !== credentials.accessKeyId) return 'InvalidAccessKeyId';
  const headers = Object.fromEntries(names.split(';').map((name) => [name, String(req.headers[name] ?? '')]));
  const expected = signatureOf({
    method: req.method ?? '',
    path: url.pathname,
    query: [...url.searchParams],
    headers,
    payloadHash,
    region: givenRegion,
    secretAccessKey: credentials.secretAccessKey,
  });
  return given === expected && givenRegion === region ? undefined : 'SignatureDoesNotMatch';
}

export interface SignedRequest {
  method: string;
  /** Encoded as sent. */
  path: string;
  query: [string, string][];
  /** Those that are signed, by lower-case name, with `host` and `x-amz-date`. */
  headers: Record<string, string>;
  payloadHash: string;
  region: string;
  secretAccessKey: string;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
export function signatureOf(request: SignedRequest): string {
  const { method, path, query, headers, payloadHash, secretAccessKey } = request;
  const names = Object.keys(headers).sort();
  const canonicalQuery = query
    .map((pair) => pair.map(encode).join('='))
    .sort()
    .join('&');
  const canonicalHeaders = names.map((name) => `${name}:${headers[name]?.trim()}\n`).join('');
  const canonical = [method, path, canonicalQuery, canonicalHeaders, names.join(';'), payloadHash].join('\n');
  const time = headers['x-amz-date'] ?? '';
  const day = time.slice(0, 8);
  const scope = `${day}/${request.region}/s3/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(canonical).digest('hex')].join(
    '\n',
  );
  const key = [day, request.region, 's3', 'aws4_request'].reduce<Buffer>(
    (previous, part) => createHmac('sha256', previous).update(part).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
  return createHmac('sha256', key).update(toSign).digest('hex');
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

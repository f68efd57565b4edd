import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type ErrorCode, ServiceError } from '@musicgen/contract';
import { AwsClient } from 'aws4fetch';

export interface S3ClientOptions {
  /** `https://s3.eu-central-1.amazonaws.com`, `http://minio:9000`. */
  endpoint: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** With temporary credentials. */
  sessionToken?: string;
  /** How long one try may take until its answer begins. Default 30 s. */
  timeoutMs?: number;
  /** Before the second and the third try. */
  pausesMs?: readonly number[];
}

export interface S3Request {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** The object's whole name; absent: the bucket. */
  object?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Uint8Array | Readable;
}

/** SHA-256 of nothing: the body of everything but PUT. */
const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * Signs and sends requests in path style, which every server understands. A server that does not answer, or answers 429 or
 * 5xx, is asked three times: all requests may be repeated, but for one whose body is a stream.
 * @returns a function that resolves with whatever the server answered at last.
 * @throws ServiceError the code given (`dependency_unavailable` where none is) when no try brought an answer.
 */
export function createS3Client(options: S3ClientOptions) {
  const { endpoint, bucket, timeoutMs = 30_000, pausesMs = [200, 1_000], ...credentials } = options;
  const signer = new AwsClient({ ...credentials, service: 's3', retries: 0 });

  async function sendOnce({ method, object = '', query = {}, headers, body }: S3Request): Promise<Response> {
    const url = new URL(`${endpoint.replace(/\/+$/, '')}/${bucket}/${object}`);
    url.search = String(new URLSearchParams(query));
    // The body counts in the signature by the hash in its header alone.
    const signed = await signer.sign(url, {
      method,
      headers: { 'X-Amz-Content-Sha256': emptySha256, ...headers },
    });
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new Error(`No answer within ${timeoutMs} ms.`)), timeoutMs);
    // How long a stream takes is for its sender to say.
    if (body instanceof Readable) body.on('data', () => timer.refresh());
    // `duplex` is what a stream needs; the types of Node 20 do not know it.
    const init = { body: asBody(body), duplex: 'half', signal: stop.signal };
    return fetch(signed, init).finally(() => clearTimeout(timer));
  }

  async function attempt(request: S3Request): Promise<Outcome> {
    const isRepeatable = !(request.body instanceof Readable);
    try {
      const response = await sendOnce(request);
      return {
        response,
        isWorthAnother: isRepeatable && (response.status >= 500 || response.status === 429),
      };
    } catch (error) {
      return { error, isWorthAnother: isRepeatable };
    }
  }

  return async function send(
    request: S3Request,
    code: ErrorCode = 'dependency_unavailable',
  ): Promise<Response> {
    let outcome = await attempt(request);
    for (const pauseMs of pausesMs) {
      if (!outcome.isWorthAnother) break;
      await outcome.response?.body?.cancel();
      await delay(pauseMs);
      outcome = await attempt(request);
    }
    if (outcome.response === undefined) throw noAnswer(request, code, outcome.error);
    return outcome.response;
  };
}

/** What one try came to. */
interface Outcome {
  response?: Response;
  error?: unknown;
  isWorthAnother: boolean;
}

function asBody(body: S3Request['body']): RequestInit['body'] {
  if (body instanceof Readable) return Readable.toWeb(body) as ReadableStream;
  // Shared memory, which a body must not be, is nothing we make.
  return body as Uint8Array<ArrayBuffer> | undefined;
}

function noAnswer(
  { method, object = 'the bucket' }: S3Request,
  code: ErrorCode,
  cause: unknown,
): ServiceError {
  return new ServiceError(code, `The artifact store did not answer (${method} ${object}).`, { cause });
}

import { request as requestPlain } from 'node:http';
import { type RequestOptions, request as requestSecure } from 'node:https';
import { ServiceError, toServiceError } from '@musicgen/contract';
import type { TargetPolicy } from './target.ts';

/** How a receiver took a message. */
export type SendOutcome =
  | { kind: 'answered'; status: number; retryAfterSeconds?: number }
  /** No answer: the connection, its encryption or the time failed. */
  | { kind: 'failed'; reason: string }
  /** The address may not be reached. */
  | { kind: 'blocked'; reason: string }
  /** We stopped it. */
  | { kind: 'interrupted' };

export interface Message {
  url: string;
  headers: Record<string, string>;
  body: string;
}

export interface SendOptions {
  policy: TargetPolicy;
  /** For everything from the lookup of the name to the first line of the answer, and for the rest of it. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** An answer's body means nothing to us; so much of it is read, to close the connection in order. */
const longestAnswerBytes = 65_536;

/**
 * Posts a message once, over a connection of its own. Follows no redirect: the answer that counts is that of the address
 * that was given and checked.
 */
export async function send(
  message: Message,
  { policy, timeoutMs, signal }: SendOptions,
): Promise<SendOutcome> {
  const problem = policy.problemOf(message.url);
  if (problem !== undefined) return { kind: 'blocked', reason: `The address ${problem}` };
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return await post(message, {
      lookup: policy.lookup,
      agent: false,
      signal: AbortSignal.any([signal, timeout]),
    });
  } catch (thrown) {
    if (signal.aborted) return { kind: 'interrupted' };
    if (timeout.aborted) return { kind: 'failed', reason: `No answer within ${timeoutMs / 1000} s` };
    const error = toServiceError(thrown);
    const kind = thrown instanceof ServiceError && error.code === 'forbidden' ? 'blocked' : 'failed';
    return { kind, reason: `No connection: ${error.message || 'refused'}` };
  }
}

function post({ url, headers, body }: Message, options: RequestOptions): Promise<SendOutcome> {
  const request = new URL(url).protocol === 'https:' ? requestSecure : requestPlain;
  const length = String(Buffer.byteLength(body));
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      ...options,
      method: 'POST',
      headers: { ...headers, 'Content-Length': length },
    });
    sent.once('response', (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > longestAnswerBytes) sent.destroy();
      });
      resolve({
        kind: 'answered',
        status: response.statusCode ?? 0,
        ...retryAfter(response.headers['retry-after']),
      });
    });
    sent.on('error', reject);
    // Comes last, and finds the promise settled unless the answer was none.
    sent.once('close', () => reject(new Error('it closed without an answer')));
    sent.end(body);
  });
}

/** Seconds or a date, as HTTP has it. */
function retryAfter(header: string | undefined): { retryAfterSeconds?: number } {
  if (header === undefined) return {};
  const seconds = /^\d{1,9}$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) && seconds > 0 ? { retryAfterSeconds: Math.ceil(seconds) } : {};
}

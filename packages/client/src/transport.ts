import { ApiError, errorOfResponse } from './api-error.ts';
import { delay } from './delay.ts';
import { isRepeatable, patienceFor, type Retry } from './retry.ts';

export interface ClientOptions {
  /** Where the service is; in a page, where the page came from when absent. */
  baseUrl?: string;
  /** Sent as `Authorization: Bearer`. */
  apiKey?: string | undefined;
  /** How often a request is sent again after a failure that passes by itself; 4 when absent. */
  maxRetries?: number;
  /** How long to wait for the beginning of an answer; 60 seconds when absent. */
  timeoutMs?: number;
  /** Hears of every request that will be sent again. */
  onRetry?: (retry: Retry) => void;
  /** In place of the global one. */
  fetch?: typeof globalThis.fetch;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call; it rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

export interface ApiRequest extends CallOptions {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Beginning with `/`. */
  path: string;
  query?: Query | undefined;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: BodyInit;
  /** Whether doing it twice is no harm; true unless said otherwise. */
  repeatable?: boolean;
  /** On top of the timeout: how long the service was asked to wait. */
  waitSeconds?: number | undefined;
}

type Query = Record<string, string | number | boolean | undefined>;

/** Sends requests: the address, the key, patience and errors, for every call alike. */
export interface Transport {
  /** @throws ApiError; the signal's reason when it aborts. */
  send(request: ApiRequest): Promise<Response>;
  json<Body>(request: ApiRequest): Promise<Body>;
  /** The address of a path, for players and links. */
  url(path: string, query?: Query): string;
}

const defaultTimeoutMs = 60_000;

/** @throws TypeError */
export function createTransport(options: ClientOptions): Transport {
  const { maxRetries = 4, onRetry, fetch: call = globalThis.fetch } = options;
  const baseUrl = baseUrlOf(options);
  checkKey(options);

  /** Until it succeeds, or there is no sense in another attempt. */
  async function perform<Value>(request: ApiRequest, read: Reader<Value>): Promise<Value> {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await tryOnce(request, read);
      if (!(outcome instanceof ApiError)) return outcome.value;
      outcome.attempts = attempt;
      const delayMs = patienceFor(outcome, attempt);
      const isLast = attempt > maxRetries || !isRepeatable(outcome, request.repeatable ?? true);
      if (isLast || delayMs === undefined) throw outcome;
      onRetry?.({ reason: outcome, attempt, delayMs });
      await delay(delayMs, request.signal);
    }
  }

  /** What was read of a success, or why there is none. @throws the signal's reason. */
  async function tryOnce<Value>(
    request: ApiRequest,
    read: Reader<Value>,
  ): Promise<{ value: Value } | ApiError> {
    const { path, query, signal, waitSeconds = 0 } = request;
    const timeoutMs = (options.timeoutMs ?? defaultTimeoutMs) + waitSeconds * 1000;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    try {
      signal?.throwIfAborted();
      const ends = signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal;
      const response = await call(url(path, query), { ...initOf(request, options), signal: ends });
      return response.ok ? { value: await read(response) } : await errorOfResponse(response);
    } catch (error) {
      signal?.throwIfAborted();
      return noAnswer(baseUrl, timeout.signal.aborted ? timeoutMs : undefined, error);
    } finally {
      clearTimeout(timer);
    }
  }

  function url(path: string, query: Query = {}): string {
    const parameters = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    );
    const search = parameters.length === 0 ? '' : `?${new URLSearchParams(parameters)}`;
    return `${baseUrl}${path}${search}`;
  }

  return {
    send: (request) => perform(request, (response) => response),
    json: <Body>(request: ApiRequest) => perform(request, (response) => response.json() as Promise<Body>),
    url,
  };
}

/** What is taken from a success. */
type Reader<Value> = (response: Response) => Value | Promise<Value>;

function initOf({ method = 'GET', json, body, headers }: ApiRequest, { apiKey }: ClientOptions): RequestInit {
  return {
    method,
    headers: {
      Accept: 'application/json',
      ...(apiKey !== undefined && { Authorization: `Bearer ${apiKey}` }),
      ...(json !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: json === undefined ? (body ?? null) : JSON.stringify(json),
  };
}

/** Without a slash at its end; a path behind a proxy belongs to it. */
function baseUrlOf({ baseUrl = globalThis.location?.origin }: ClientOptions): string {
  const url = baseUrl !== undefined && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '') {
    throw new TypeError('baseUrl must be the http or https address of the service, without name or query');
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

function checkKey({ apiKey }: ClientOptions): void {
  if (apiKey !== undefined && !/^[!-~]+$/.test(apiKey))
    throw new TypeError('apiKey must be visible ASCII characters, without spaces or line breaks');
}

function noAnswer(address: string, timeoutMs: number | undefined, cause: unknown): ApiError {
  const { host } = new URL(address);
  return new ApiError('unreachable', `The service at ${host} ${whyOf(timeoutMs, cause)}.`, { cause });
}

function whyOf(timeoutMs: number | undefined, cause: unknown): string {
  if (timeoutMs !== undefined) return `did not answer within ${Math.round(timeoutMs / 1000)} s`;
  if ((cause as Error).name === 'SyntaxError') return 'answers with something that is not JSON';
  return `cannot be reached${reasonOf(cause)}`;
}

/** Node hides what happened in the cause: ` (connect ECONNREFUSED 127.0.0.1:8000)`. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: { message?: string; code?: string } };
  const reason = cause?.message || cause?.code;
  return reason ? ` (${reason})` : '';
}

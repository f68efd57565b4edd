import { type ErrorCode, errorCodes, type Problem, problemOf, ServiceError } from '@musicgen/contract';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { InvalidRequest } from '../invalid-request.ts';
import { loggerOf } from '../logger-of.ts';
import { RetryLater } from '../retry-later.ts';

/** Answers everything that no route knows. */
export const notFound: RequestHandler = (req) => {
  throw new ServiceError('not_found', `There is nothing at ${req.method} ${req.path}.`);
};

/** Answers the methods that a known path does not have. */
export function methodNotAllowed(allowed: string): RequestHandler {
  return (req, res) => {
    res.set('Allow', allowed);
    throw new ServiceError(
      'method_not_allowed',
      `${req.method} is not possible here; allowed are ${allowed}.`,
    );
  };
}

/** Turns whatever was thrown into an RFC 9457 problem; what nobody expected is logged and shown without details. */
export const handleError: ErrorRequestHandler = (thrown, _req, res, _next) => {
  const error = asServiceError(thrown);
  res.locals.reason = error.code;
  logFailure(res, error);
  // Half an answer cannot be taken back; ending the connection is how the client learns that it is not whole.
  if (res.headersSent) res.destroy();
  else sendProblem(res, error);
};

/** A refusal that a client can wait out is worth a line; what nobody expected, the whole story. */
function logFailure(res: Response, error: ServiceError): void {
  const { status } = errorCodes[error.code];
  if (status === 503) loggerOf(res).warn('request refused', { reason: error.code, detail: error.message });
  if (status === 500) loggerOf(res).error('request failed', { reason: error.code, error });
}

function sendProblem(res: Response, error: ServiceError): void {
  const problem: Problem = {
    ...problemOf(
      error.code,
      error.code === 'internal' ? 'Please try again; the log has the cause.' : error.message,
    ),
    instance: `urn:request:${res.locals.requestId}`,
    request_id: res.locals.requestId,
    ...(error instanceof InvalidRequest && { errors: error.errors }),
  };
  if (error instanceof RetryLater) res.set('Retry-After', String(error.retryAfterSeconds));
  if (problem.status === 503 && !res.hasHeader('Retry-After')) res.set('Retry-After', '5');
  const retryAfter = res.get('Retry-After');
  if (retryAfter !== undefined) problem.retry_after_seconds = Number(retryAfter);
  res.status(problem.status).type('application/problem+json').json(problem);
}

/** Whatever a handler or Express threw, in the words of the closed list. */
export function asServiceError(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  return fromBodyParser(thrown) ?? new ServiceError('internal', 'unexpected', { cause: thrown });
}

/** What Express' body parser throws, by its own error types. */
const bodyParserCodes: Record<string, [ErrorCode, string]> = {
  'entity.parse.failed': ['malformed_json', 'The body is not valid JSON.'],
  'entity.too.large': ['payload_too_large', 'The body may have at most 64 kB.'],
  'encoding.unsupported': ['unsupported_media_type', 'The body has a content encoding that is not accepted.'],
  'charset.unsupported': ['unsupported_media_type', 'The body must be in UTF-8.'],
  'request.size.invalid': ['malformed_json', 'The body is not as long as its Content-Length says.'],
  'request.aborted': ['malformed_json', 'The body broke off.'],
};

function fromBodyParser(thrown: unknown): ServiceError | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const known = 'type' in thrown ? bodyParserCodes[String(thrown.type)] : undefined;
  if (known !== undefined) return new ServiceError(...known);
  // Express refuses a path whose percent-encoding is broken with a URIError.
  if ('name' in thrown && thrown.name === 'URIError') {
    return new ServiceError('not_found', 'There is nothing at this path.');
  }
  if ('status' in thrown && thrown.status === 400) {
    return new ServiceError('malformed_json', 'The body cannot be read.', { cause: thrown });
  }
  return undefined;
}

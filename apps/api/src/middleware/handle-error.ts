import { type ErrorCode, type FieldError, type Problem, problemOf, ServiceError } from '@musicgen/contract';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { ZodError } from 'zod';

/** A request whose fields are wrong; every one of them is named. */
class InvalidRequest extends ServiceError {
  readonly errors: FieldError[];

  constructor(errors: FieldError[]) {
    const named = errors.map(({ pointer, detail }) => `${pointer.slice(2) || 'the body'}: ${detail}`);
    super('invalid_request', `${named.join('; ')}.`);
    this.errors = errors;
  }
}

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
export const handleError: ErrorRequestHandler = (thrown, _req, res, next) => {
  if (res.headersSent) return next(thrown);
  const error = asServiceError(thrown);
  if (error.code === 'internal') res.locals.logger.error('request failed', { error: thrown });
  sendProblem(res, error);
};

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
  if (problem.status === 503 && !res.hasHeader('Retry-After')) res.set('Retry-After', '5');
  const retryAfter = res.get('Retry-After');
  if (retryAfter !== undefined) problem.retry_after_seconds = Number(retryAfter);
  res.locals.problem = error.code;
  res.status(problem.status).type('application/problem+json').json(problem);
}

/** Whatever a handler or Express threw, in the words of the closed list. */
export function asServiceError(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  if (thrown instanceof ZodError) return new InvalidRequest(thrown.issues.flatMap(fieldErrorsOf));
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
  // Express itself refuses a path that is not valid percent-encoding with a plain 400.
  const status = 'status' in thrown ? thrown.status : undefined;
  if (status === 400) return new ServiceError('not_found', 'There is nothing at this path.');
  return undefined;
}

type Issue = ZodError['issues'][number];

function fieldErrorsOf(issue: Issue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: pointerTo([...issue.path, key]),
      detail: 'is not a known field',
    }));
  }
  return [{ pointer: pointerTo(issue.path), detail: issue.message }];
}

/** A JSON pointer as a URI fragment (RFC 6901): `#/metadata/mood`. */
function pointerTo(path: PropertyKey[]): string {
  return `#/${path.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`;
}

import { type ErrorCode, type FieldError, ServiceError } from '@musicgen/contract';
import type { ZodError } from 'zod';

/** A request of which single parts are wrong; every one of them is named. */
export class InvalidRequest extends ServiceError {
  readonly errors: FieldError[];

  constructor(code: ErrorCode, errors: FieldError[]) {
    super(code, `${errors.map((error) => `${nameOf(error)}: ${error.detail}`).join('; ')}.`);
    this.errors = errors;
  }
}

/** Fields of the body, by JSON pointer. */
export function invalidBody({ issues }: Pick<ZodError, 'issues'>): InvalidRequest {
  return new InvalidRequest(
    'invalid_request',
    issues.flatMap((issue) =>
      wrongParts(issue).map(({ path, detail }) => ({ pointer: pointerTo(path), detail })),
    ),
  );
}

/** Parameters behind the `?`, by name. */
export function invalidQuery(error: ZodError): InvalidRequest {
  return new InvalidRequest('invalid_request', parameterErrors(error));
}

/** Headers, by lower-case name. */
export function invalidHeader(error: ZodError): InvalidRequest {
  return new InvalidRequest('invalid_header', parameterErrors(error));
}

function parameterErrors({ issues }: ZodError): FieldError[] {
  return issues.flatMap((issue) =>
    wrongParts(issue).map(({ path, detail }) => ({ parameter: String(path[0]), detail })),
  );
}

function nameOf({ pointer, parameter }: FieldError): string {
  return parameter ?? (pointer?.slice(2) || 'the body');
}

type Issue = ZodError['issues'][number];

function wrongParts(issue: Issue): { path: PropertyKey[]; detail: string }[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...issue.path, key], detail: 'is not known here' }));
  }
  return [{ path: issue.path, detail: issue.message }];
}

/** A JSON pointer as a URI fragment (RFC 6901): `#/metadata/mood`; `#` is the whole body. */
function pointerTo(path: PropertyKey[]): string {
  const parts = path.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1'));
  return `#${parts.map((part) => `/${encodeURIComponent(part)}`).join('')}`;
}

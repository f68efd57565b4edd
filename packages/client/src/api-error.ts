import { type ErrorCode, errorCodes, type FieldError, type Problem, ServiceError } from '@musicgen/contract';

/** A refusal or failure of the service, or of the way to it: `code` is the slug of its `/problems/{slug}`. */
export class ApiError extends ServiceError {
  /** The HTTP status of the answer; undefined when there was none. */
  readonly status: number | undefined;
  /** What the service said; undefined when it was not the service that answered. */
  readonly problem: Problem | undefined;
  /** When the service asks to come again. */
  readonly retryAfterSeconds: number | undefined;
  /** For the operator's log. */
  readonly requestId: string | undefined;
  /** How often the request was sent. */
  attempts = 1;

  constructor(code: ErrorCode, message: string, details: ApiErrorDetails = {}) {
    super(code, message, { cause: details.cause });
    this.status = details.status;
    this.problem = details.problem;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.requestId = details.requestId ?? details.problem?.request_id;
  }

  /** Which fields of the request are wrong. */
  get fields(): readonly FieldError[] {
    return this.problem?.errors ?? [];
  }
}

interface ApiErrorDetails {
  status?: number;
  problem?: Problem;
  retryAfterSeconds?: number | undefined;
  requestId?: string | undefined;
  cause?: unknown;
}

/** An answer that is no success, as an error. Reads its body. */
export async function errorOfResponse(response: Response): Promise<ApiError> {
  const { status, headers } = response;
  const details = {
    status,
    retryAfterSeconds: retryAfterOf(headers.get('Retry-After')),
    requestId: headers.get('X-Request-Id') ?? undefined,
  };
  const problem = await problemOf(response);
  if (problem === undefined) {
    const what = `${response.url || 'The service'} answered ${status} without a problem of the service`;
    return new ApiError(codeOfStatus(status), `${what}: something else may stand in its place`, details);
  }
  // A newer service may know codes that this client does not.
  const code = problem.code in errorCodes ? problem.code : codeOfStatus(status);
  return new ApiError(code, problem.detail, { ...details, problem });
}

async function problemOf(response: Response): Promise<Problem | undefined> {
  try {
    const body: unknown = await response.json();
    const isProblem = typeof body === 'object' && body !== null && 'code' in body && 'detail' in body;
    return isProblem ? (body as Problem) : undefined;
  } catch {
    // Not JSON, or cut off: no problem of the service.
    return undefined;
  }
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 413) return 'payload_too_large';
  if (status === 429) return 'rate_limited';
  if (status >= 500) return 'unreachable';
  return 'not_found';
}

/** Seconds; the header holds them or a date. */
function retryAfterOf(header: string | null): number | undefined {
  if (header === null || header === '') return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

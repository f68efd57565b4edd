/**
 * The closed list of reasons for a failure. One vocabulary everywhere: the problem's slug over HTTP, a task's error
 * code, the `reason` label of metrics and log lines.
 */
export const errorCodes = {
  malformed_json: { status: 400, title: 'The request body is not valid JSON' },
  malformed_request: { status: 400, title: 'The request is not valid HTTP' },
  invalid_header: { status: 400, title: 'A request header has an invalid value' },
  unknown_priority: { status: 400, title: 'There is no such priority' },
  unauthorized: { status: 401, title: 'An API key is needed that this service knows' },
  forbidden: { status: 403, title: 'The API key does not allow this' },
  not_found: { status: 404, title: 'There is nothing here' },
  model_not_found: { status: 404, title: 'There is no such model' },
  method_not_allowed: { status: 405, title: 'This path does not answer that method' },
  not_acceptable: { status: 406, title: 'There is no form of this that the caller accepts' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  task_not_finished: { status: 409, title: 'The task has not finished yet' },
  task_failed: { status: 409, title: 'The task failed' },
  task_finished: { status: 409, title: 'The task has already finished' },
  key_limit: { status: 409, title: 'There are too many API keys' },
  upload_limit: { status: 409, title: 'Too many of your uploads are kept' },
  needs_fleet: { status: 409, title: 'This service runs in one process and cannot do that' },
  task_not_pending: { status: 409, title: 'The task does not wait any more' },
  gone: { status: 410, title: 'What was here has been removed' },
  length_required: { status: 411, title: 'The request does not say how long its body is' },
  payload_too_large: { status: 413, title: 'The request body is too large' },
  unsupported_media_type: { status: 415, title: 'The request body has a type that is not accepted' },
  range_not_satisfiable: { status: 416, title: 'The requested range lies outside the file' },
  headers_too_large: { status: 431, title: 'The request headers are too large' },
  invalid_request: { status: 422, title: 'The request has invalid fields' },
  unreadable_audio: { status: 422, title: 'The audio file cannot be read' },
  idempotency_mismatch: { status: 422, title: 'The idempotency key was used for another request' },
  concurrency_limit: { status: 429, title: 'Too many of your tasks are unfinished' },
  rate_limited: { status: 429, title: 'Too many requests' },
  quota_exceeded: { status: 429, title: 'The seconds of music for today are used up' },
  redis_full: { status: 503, title: 'Redis has no memory left for new tasks' },
  overloaded: { status: 503, title: 'Too much of this is being asked for at once' },
  queue_full: { status: 503, title: 'The queue is full' },
  download_failed: { status: 502, title: 'A file could not be downloaded', retryable: true },
  draining: { status: 503, title: 'The service is shutting down' },
  dependency_unavailable: {
    status: 503,
    title: 'A part the service depends on is unavailable',
    retryable: true,
  },
  dependency_unsupported: { status: 503, title: 'A part the service depends on cannot be used' },
  unreachable: { status: 503, title: 'The service does not answer', retryable: true },
  internal: { status: 500, title: 'Something went wrong inside the service', retryable: true },

  model_load_failed: { status: 500, title: 'The model could not be loaded', retryable: true },
  model_unavailable: { status: 500, title: 'The worker that took the task does not have its model' },
  generation_failed: { status: 500, title: 'The music could not be generated' },
  out_of_memory: { status: 500, title: 'The engine ran out of memory', retryable: true },
  engine_crashed: { status: 500, title: 'The engine stopped while it worked on the task', retryable: true },
  task_timeout: { status: 500, title: 'The task took longer than allowed' },
  worker_lost: { status: 500, title: 'The workers that took the task were lost', retryable: true },
  encoding_failed: { status: 500, title: 'The audio could not be encoded', retryable: true },
  storage_failed: { status: 500, title: 'The result could not be stored', retryable: true },
  task_cancelled: { status: 409, title: 'The task was cancelled' },
  task_expired: { status: 410, title: 'The task was not finished within its time to live' },
  corrupt_record: { status: 500, title: 'The stored task could not be read' },
} as const satisfies Record<string, { status: number; title: string; retryable?: true }>;

export type ErrorCode = keyof typeof errorCodes;

/** Whether another attempt at the same task may go better. */
export function isRetryable(code: ErrorCode): boolean {
  return 'retryable' in errorCodes[code];
}

/**
 * The one error class that crosses a package's door: a code of the closed list, one sentence for people, and what
 * caused it. Anything else that is thrown counts as `internal`.
 */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Any thrown value as a `ServiceError`; what is not one already becomes `fallback` with the original as its cause. */
export function toServiceError(thrown: unknown, fallback: ErrorCode = 'internal'): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  const message =
    typeof thrown === 'object' && thrown !== null && 'message' in thrown
      ? String(thrown.message)
      : String(thrown);
  return new ServiceError(fallback, message, { cause: thrown });
}

/** The code for a Redis command that failed: one that is full still answers, and refuses what would make it larger. */
export function redisFailure(error: unknown): 'redis_full' | 'dependency_unavailable' {
  return error instanceof Error && error.message.startsWith('OOM') ? 'redis_full' : 'dependency_unavailable';
}

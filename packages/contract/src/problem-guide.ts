import type { ErrorCode } from './errors.ts';

interface Guide {
  /** Why this happens. */
  cause: string;
  /** What whoever sees it can do. */
  remedy: string;
}

/** What people read at `/problems/{code}`. Every code has an entry, or this does not compile. */
export const problemGuide = {
  malformed_json: {
    cause: 'The body is not JSON, not UTF-8, not an object, or gives the same field twice in one object.',
    remedy: 'Send one JSON object, encoded in UTF-8, and check what your client really sends.',
  },
  malformed_request: {
    cause: 'The bytes that arrived are no HTTP/1.1 request: a broken request line, header or chunk.',
    remedy: 'Check the client, and any proxy between it and the service.',
  },
  invalid_header: {
    cause: 'A header that the request depends on has a value that cannot be used; `errors` names it.',
    remedy: 'Send the header as the documentation describes it, once, or leave it out.',
  },
  unknown_priority: {
    cause: 'The path names a priority that does not exist.',
    remedy: 'Use CRITICAL, HIGH, NORMAL or LOW, in any case, or its number: 20, 10, 5, 1.',
  },
  unauthorized: {
    cause:
      'The service asks for an API key, and the request has none, an unknown one or one that was disabled.',
    remedy: 'Send your key as `Authorization: Bearer …` or as `X-API-Key`. Operators make keys.',
  },
  forbidden: {
    cause: 'The API key is valid, and does not have the scope that this path needs.',
    remedy: 'Use a key with the scope that the documentation names, or ask an operator for it.',
  },
  not_found: {
    cause: 'There is no such path, or no task, upload or other thing with this id that you may see.',
    remedy:
      'Check the path and the id. Ids are those that the service returned; with API keys, only your own tasks exist for you.',
  },
  method_not_allowed: {
    cause: 'The path exists, but not with this method.',
    remedy: 'Use one of the methods that the `Allow` header names.',
  },
  model_not_found: {
    cause: 'No model of this name is known, or no worker runs it.',
    remedy:
      'See `GET /api/v1/models` for those that can be used; `musicgen models list` for those that are on the disk.',
  },
  not_acceptable: {
    cause: 'The `Accept` header or the `format` parameter allows no form in which this can be sent.',
    remedy: 'Ask for one of the forms that the documentation lists, or send no `Accept` header.',
  },
  request_timeout: {
    cause: 'The request did not arrive whole within the time that the service waits for it.',
    remedy: 'Send it again; on a slow line, send less at once.',
  },
  task_not_finished: {
    cause: 'What you asked for exists only once the task has finished, and it has not.',
    remedy: "Follow the task's events, or ask again after `Retry-After`.",
  },
  task_failed: {
    cause: 'The task failed, so there is no result.',
    remedy: "The task's `error` says why. Retry the task if that may pass.",
  },
  task_finished: {
    cause: 'The task has already come to its end, which never changes.',
    remedy: 'Nothing has to be done. To have the piece made once more, retry the task.',
  },
  key_limit: {
    cause: 'The service keeps as many API keys as it can keep.',
    remedy: 'Remove keys that nobody uses any more, then make the new one.',
  },
  upload_limit: {
    cause: 'As many files that you sent are kept as may be.',
    remedy:
      'Delete those that you need no more, or wait until they expire. A shorter `ttl` makes room sooner.',
  },
  task_not_pending: {
    cause: 'A task can be changed only while it waits, and this one is being worked on or has finished.',
    remedy: 'Nothing has to be done; to change what runs, cancel it and submit it again.',
  },
  gone: {
    cause: 'The task was here, and was removed at the end of its time to live or by its owner.',
    remedy: 'Submit the request again, with a longer `ttl` if the audio must be kept for longer.',
  },
  length_required: {
    cause: 'A file was sent without `Content-Length`, in chunks for example.',
    remedy: 'Send the file with its length, as `curl --data-binary @file` does.',
  },
  payload_too_large: {
    cause:
      'The body is longer than this path accepts: JSON bodies may have 64 kB, and audio as much as the path says.',
    remedy: 'Send less, for example several smaller batches, or a shorter piece.',
  },
  unsupported_media_type: {
    cause: 'The body has a media type, a character set or a content encoding that this path does not read.',
    remedy:
      'Send JSON with `Content-Type: application/json`, in UTF-8, plain or compressed with gzip, deflate or brotli.',
  },
  range_not_satisfiable: {
    cause: 'The requested range begins after the end of the file.',
    remedy: 'Ask for a range within the size that `Content-Range` gives.',
  },
  headers_too_large: {
    cause: 'All headers and the path together are longer than 16 kB.',
    remedy: 'Send fewer or shorter headers, cookies and parameters.',
  },
  invalid_request: {
    cause:
      'Fields of the body or parameters of the path have values that are not allowed, or are not known. Nothing was stored.',
    remedy: '`errors` names every one of them and what is allowed; correct them and send the request again.',
  },
  unreadable_audio: {
    cause: 'The file that was sent is not audio of a kind that this path reads, or it is damaged.',
    remedy: 'Send a whole WAV file with PCM samples.',
  },
  needs_fleet: {
    cause:
      'Tasks are worked on inside the process that serves the API (`USE_ADVANCED_REDIS=false`, or without Redis), so there is no worker that could be told to do this.',
    remedy:
      'Operators: for workers in processes of their own, use Redis with `USE_ADVANCED_REDIS=true` (docs/operations.md).',
  },
  concurrency_limit: {
    cause: 'As many of your tasks wait or run as your key may have at once.',
    remedy: 'Send the request again when one of them has finished; `Retry-After` says when that may be.',
  },
  rate_limited: {
    cause: 'Your key, or your address, sent more requests than it may in a short time.',
    remedy:
      'Wait for `Retry-After`; `RateLimit` shows how much is left. Follow events instead of asking in a loop.',
  },
  quota_exceeded: {
    cause: 'Your key has asked for as many seconds of music as it may in a day.',
    remedy: 'Wait for `Retry-After`, ask for shorter pieces, or ask an operator for more.',
  },
  idempotency_mismatch: {
    cause: 'This `Idempotency-Key` was sent before, within a day, with another request.',
    remedy: 'Use a new random key for every new request, and the same key only to repeat the same request.',
  },
  overloaded: {
    cause: 'This process does as much of this kind of work at once as it may.',
    remedy: 'Send the request again after `Retry-After`.',
  },
  redis_full: {
    cause:
      'Redis uses more than 95 % of the memory that it may. The rest is kept for accepted tasks, which are not lost and still complete.',
    remedy:
      'Send the request again after `Retry-After`, when old tasks will have been removed. Operators: raise `maxmemory`, or lower `TASK_DEFAULT_TTL`.',
  },
  queue_full: {
    cause:
      'As many tasks wait as the operator allows, so new ones are refused rather than kept waiting for hours.',
    remedy:
      'Send the request again after `Retry-After`. Operators: add workers, or raise `QUEUE_MAX_LENGTH`.',
  },
  download_failed: {
    cause: 'A file that is needed could not be fetched from where it is kept.',
    remedy:
      'Check the network and the name of what is to be fetched, and try again; what has arrived is kept.',
  },
  draining: {
    cause: 'This process is shutting down, for a deploy for example.',
    remedy: 'Send the request again; another process answers.',
  },
  unreachable: {
    cause: 'Only clients say this: nothing answered at the address, or what answered was not the service.',
    remedy: 'Check the address, and that the service runs. Operators: `/readyz`, and the proxy before it.',
  },
  dependency_unsupported: {
    cause:
      'The Redis server is older than 7.0, or holds tasks of an older service under our prefix. The process says so in its log and ends with exit code 78.',
    remedy: 'Operators: use Redis 7.0 or newer, or Valkey; move older tasks over with `musicgen migrate`.',
  },
  dependency_unavailable: {
    cause: 'Redis, or the place where audio is kept, did not answer.',
    remedy:
      'Send the request again after `Retry-After`; accepted tasks are not lost. Operators: see `/readyz` and the log.',
  },
  internal: {
    cause: 'Something happened that nobody expected.',
    remedy:
      'Send the request again. If it happens again, report it with the `request_id`, under which the log has the cause.',
  },
  model_load_failed: {
    cause:
      'The worker that took the task could not load its model: a file is missing or broken, or memory ran out.',
    remedy: 'The task is retried on its own. Operators: `/readyz` of the worker names the file.',
  },
  model_unavailable: {
    cause: 'The worker that took the task does not run the model that the task names.',
    remedy:
      'Name one of the models of `GET /api/v1/models`. Operators: all workers should run the same models.',
  },
  generation_failed: {
    cause:
      'The model ran, but what came out is not music: silence of not-a-number, or an error of the runtime.',
    remedy: 'Try another seed, or a lower `temperature` or `guidance_scale`.',
  },
  out_of_memory: {
    cause: 'The engine asked for more memory than its machine could give.',
    remedy:
      'The service tries again by itself. If it keeps happening, lower ENGINE_MAX_BATCH or give the worker more memory.',
  },
  engine_crashed: {
    cause: 'The process that computes stopped in the middle, often for want of memory.',
    remedy:
      'The task is retried on its own. A shorter `duration` needs less memory. Operators: give the workers more.',
  },
  task_timeout: {
    cause: 'One attempt took longer than `TASK_STALL_TIMEOUT` allows.',
    remedy: 'Ask for a shorter piece. Operators: faster workers, or a longer timeout.',
  },
  worker_lost: {
    cause:
      'Several workers in a row vanished while they worked on this task, so it is kept from taking more of them down.',
    remedy:
      'Change the request before you retry it. Operators: look at the logs of those workers, then requeue the dead letter.',
  },
  encoding_failed: {
    cause: 'The audio could not be turned into the file format that was asked for.',
    remedy: 'Ask again, or for another format.',
  },
  storage_failed: {
    cause: 'The finished audio could not be written to where audio is kept.',
    remedy:
      'The task is retried on its own. Operators: check the space and the rights behind `ARTIFACT_URL`.',
  },
  task_cancelled: {
    cause: 'The task was cancelled before it had finished.',
    remedy: 'Retry the task if you want the music after all.',
  },
  task_expired: {
    cause: 'The task did not finish within its time to live.',
    remedy: 'Submit it again with a longer `ttl` or a better priority.',
  },
  corrupt_record: {
    cause:
      'What is stored about the task cannot be read: it was changed by hand, or by a much newer version.',
    remedy: 'Submit the request again. Operators: look at the record in Redis under the id of the task.',
  },
} as const satisfies Record<ErrorCode, Guide>;

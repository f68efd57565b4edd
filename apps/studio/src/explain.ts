import { ApiError, type ErrorCode } from '@musicgen/client';
import { span } from './words.ts';

/** A failure for people: what happened, and what they can do. */
export interface Explanation {
  code: ErrorCode | 'unknown';
  what: string;
  todo: string;
}

/** What someone at the page can do about it; the API's own guide speaks to programs. */
const remedies: Partial<Record<ErrorCode, string>> = {
  unreachable:
    'Nothing you typed is lost. The page tries again by itself; if this lasts, ask whoever runs the service.',
  dependency_unavailable: 'Nothing you typed is lost. Try again in a moment.',
  draining: 'It is being restarted. Try again in a moment.',
  unauthorized: 'Enter an API key with the key button at the top. Whoever runs the service can give you one.',
  forbidden: 'Enter a key that may do this; whoever runs the service can give you one.',
  queue_full:
    'Your text is still here. Try again in a while, or ask whoever runs the service for more workers.',
  overloaded: 'Try again in a moment.',
  rate_limited: 'Wait a moment, then try again.',
  concurrency_limit: 'Wait until one of your pieces is done, or cancel one, then try again.',
  quota_exceeded: 'Make a shorter piece, or come back tomorrow.',
  not_found: 'It may have been removed, or it belongs to another key.',
  gone: 'Its request is kept in this browser: you can make it again.',
  invalid_request: 'Correct it and try again; nothing was started.',
  model_not_found: 'Choose another model in the advanced settings.',
  payload_too_large: 'Choose a smaller file.',
  unsupported_media_type: 'Choose a WAV, FLAC, MP3 or Ogg file.',
  unreadable_audio: 'Choose a whole file that holds sound.',
  task_finished: 'There is nothing left to cancel.',
  task_not_finished: 'Wait until it is done.',
};

/** Any failure, in words. */
export function explain(error: unknown): Explanation {
  if (!(error instanceof ApiError)) {
    const what = error instanceof Error ? error.message : String(error);
    return { code: 'unknown', what, todo: 'Reload the page and try again.' };
  }
  const { code, message, retryAfterSeconds } = error;
  const wait = retryAfterSeconds ? ` It will take something again in about ${span(retryAfterSeconds)}.` : '';
  return {
    code,
    what: sentence(message) + wait,
    todo: remedies[code] ?? 'Try again; if this lasts, tell whoever runs the service.',
  };
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

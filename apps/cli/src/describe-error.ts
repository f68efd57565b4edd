import { ApiError } from '@musicgen/client';
import { type ErrorCode, problemGuide, toServiceError } from '@musicgen/contract';
import { ConfigError } from '@musicgen/service/config';
import { formatSeconds } from './format.ts';

/** What happened, with the reason that scripts and the documentation know it by, and what to do about it. */
export function describeError(error: unknown): string[] {
  if (error instanceof ConfigError) return [`musicgen: ${error.message}`];
  const { code, message } = toServiceError(error);
  const remedy = error instanceof ApiError ? remedyOf(error) : undefined;
  return [`musicgen: ${message} (${code})`, ...(remedy === undefined ? [] : [remedy])];
}

/** Where the command line knows better than the guide, which is written for whoever calls the API. */
const remedies: Partial<Record<ErrorCode, string | undefined>> = {
  unreachable: 'Is it running? `npm start` starts one on this machine; --url or MUSICGEN_URL name another.',
  unauthorized: 'Give the key in MUSICGEN_API_KEY. Operators make keys: musicgen keys create.',
  not_found: undefined,
  invalid_request: undefined,
  task_cancelled: undefined,
};

function remedyOf({ code, retryAfterSeconds }: ApiError): string | undefined {
  if (retryAfterSeconds !== undefined) return `Try again in ${formatSeconds(retryAfterSeconds)}.`;
  return code in remedies ? remedies[code] : problemGuide[code].remedy;
}

import { type ErrorCode, errorCodes, ServiceError } from '@musicgen/contract';
import { ConfigError } from '@musicgen/service';
import { CommanderError } from 'commander';

/** What a script can tell from the exit code; the same classes as the HTTP statuses of the closed list of errors. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  notFound: 4,
  busy: 5,
  timeout: 6,
  badConfig: 78,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For the end of `--help`. */
export const exitCodeHelp = `
Exit codes: 0 done · 1 failed · 2 wrong arguments or request · 3 key or token refused · 4 not found or gone ·
5 busy, try later · 6 took too long · 78 wrong environment variable · 130 interrupted`;

/** The exit code of whatever ended a command. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (error instanceof ConfigError) return exitCodes.badConfig;
  if (error instanceof ServiceError) return ofErrorCode(error.code);
  return exitCodes.failed;
}

function ofErrorCode(code: ErrorCode): ExitCode {
  if (code === 'task_cancelled') return exitCodes.interrupted;
  if (code === 'task_timeout') return exitCodes.timeout;
  const { status }: { status: number } = errorCodes[code];
  if (status === 401 || status === 403) return exitCodes.refused;
  if (status === 404 || status === 410) return exitCodes.notFound;
  if (status === 429 || status === 503) return exitCodes.busy;
  return status < 500 ? exitCodes.usage : exitCodes.failed;
}

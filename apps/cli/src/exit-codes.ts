import { type ErrorCode, errorCodes, ServiceError } from '@musicgen/contract';
import { ConfigError } from '@musicgen/service/config';
import { CommanderError } from 'commander';
import { Interruption } from './interruption.ts';

/** What a script can tell from the exit code: classes of the closed list of errors. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  notFound: 4,
  busy: 5,
  timeout: 6,
  unreachable: 7,
  cancelled: 8,
  badConfig: 78,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For the end of `--help`. */
export const exitCodeHelp = `
Exit codes: 0 done · 1 failed · 2 wrong arguments or request · 3 key or token refused · 4 not found or gone ·
5 busy, try later · 6 took too long · 7 the service does not answer · 8 the task was cancelled ·
78 wrong environment variable, or a server that cannot be used · 130 interrupted`;

/** The exit code of whatever ended a command. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (error instanceof ConfigError) return exitCodes.badConfig;
  if (error instanceof Interruption) return exitCodes.interrupted;
  if (error instanceof ServiceError) return exitCodeOfReason(error.code);
  return exitCodes.failed;
}

/** Where the HTTP status of a reason says too little. */
const special: Partial<Record<ErrorCode, ExitCode>> = {
  unreachable: exitCodes.unreachable,
  dependency_unsupported: exitCodes.badConfig,
  task_cancelled: exitCodes.cancelled,
  task_timeout: exitCodes.timeout,
  task_expired: exitCodes.timeout,
  request_timeout: exitCodes.timeout,
  task_failed: exitCodes.failed,
};

/** The exit code of a reason of the closed list. */
function exitCodeOfReason(code: ErrorCode): ExitCode {
  return special[code] ?? exitCodeOfStatus(errorCodes[code].status);
}

function exitCodeOfStatus(status: number): ExitCode {
  if (status === 401 || status === 403) return exitCodes.refused;
  if (status === 404 || status === 410) return exitCodes.notFound;
  if (status === 429 || status === 503) return exitCodes.busy;
  return status < 500 ? exitCodes.usage : exitCodes.failed;
}

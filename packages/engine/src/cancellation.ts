import { ServiceError } from '@musicgen/contract';

/** The error for a piece whose signal has aborted. */
export function cancelled(signal: AbortSignal): ServiceError {
  return new ServiceError('task_cancelled', 'The piece was cancelled', { cause: signal.reason });
}

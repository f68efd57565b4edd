import { ServiceError } from '@musicgen/contract';

/** @throws ServiceError `task_cancelled` once the signal has aborted; its cause is the signal's reason */
export function refuseIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(signal);
}

/** The error for a piece whose signal has aborted. */
export function cancelled(signal: AbortSignal): ServiceError {
  return new ServiceError('task_cancelled', 'The piece was cancelled', { cause: signal.reason });
}

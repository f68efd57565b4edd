import { ServiceError } from '@musicgen/contract';

/** The error for a piece whose signal has aborted. */
export function cancelled(signal: AbortSignal): ServiceError {
  return new ServiceError('task_cancelled', 'The piece was cancelled', { cause: signal.reason });
}

/** The promise's outcome, or a rejection as soon as the signal aborts. */
export function unlessAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(cancelled(signal));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    const detach = () => signal.removeEventListener('abort', abort);
    promise.then(resolve, reject).finally(detach);
  });
}

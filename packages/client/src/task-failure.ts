import type { ErrorCode, Task } from '@musicgen/contract';
import { ApiError } from './api-error.ts';

/** Why a task did not complete; undefined for one that did, or has not finished yet. */
export function failureOf({ id, status, error }: Task): ApiError | undefined {
  const code = error?.code ?? codeOfStatus(status);
  if (code === undefined) return undefined;
  const details = error ? { problem: error } : {};
  return new ApiError(code, error?.detail ?? `Task ${id} ended as ${status}.`, details);
}

function codeOfStatus(status: Task['status']): ErrorCode | undefined {
  switch (status) {
    case 'pending':
    case 'processing':
    case 'completed':
      return undefined;
    case 'failed':
      return 'task_failed';
    case 'cancelled':
      return 'task_cancelled';
    case 'expired':
      return 'task_expired';
    default:
      return status satisfies never;
  }
}

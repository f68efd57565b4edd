import type { Task } from '@musicgen/contract';

/** When nobody knows when a task will be done. */
const unknownSeconds = 2;

/** When it makes sense to ask for a task again: when it is expected to be done, 1 to 30 seconds from now. */
export function retryAfterSeconds({ eta }: Pick<Task, 'eta'>): number {
  if (!eta?.finish_at) return unknownSeconds;
  const seconds = Math.ceil((Date.parse(eta.finish_at) - Date.now()) / 1000);
  return Math.min(30, Math.max(1, seconds));
}

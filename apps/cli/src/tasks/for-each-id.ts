import { ServiceError } from '@musicgen/contract';
import type { Context } from '../context.ts';

/**
 * Does something with each of several ids, and goes on past those with which it cannot be done.
 * @throws the reason of the first that failed; the sentences of the others have been told
 */
export async function forEachId(
  context: Context,
  ids: readonly string[],
  work: (id: string) => Promise<void>,
): Promise<void> {
  const failures: ServiceError[] = [];
  for (const id of ids) {
    try {
      await work(id);
    } catch (error) {
      // What stands in the way of one may not stand in the way of the next; everything else does.
      const isOfThisId =
        error instanceof ServiceError && !context.signal.aborted && idReasons.has(error.code);
      if (!isOfThisId) throw error;
      if (ids.length > 1) context.tell(`${id}  ${error.message}`);
      failures.push(error);
    }
  }
  const [first] = failures;
  if (first === undefined) return;
  if (ids.length === 1) throw first;
  throw new ServiceError(first.code, `It could not be done for ${failures.length} of ${ids.length}`);
}

const idReasons: ReadonlySet<string> = new Set([
  'not_found',
  'gone',
  'invalid_request',
  'task_finished',
  'task_not_finished',
  'task_not_pending',
]);

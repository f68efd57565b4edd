import type { Repair } from '../queue-events.ts';
import type { QueueContext } from './context.ts';
import { pageOfIds } from './expiry-index.ts';
import { runWithGroups } from './groups.ts';
import { reconcileScript } from './scripts/reconcile.lua.ts';
import { scriptBound } from './scripts/script.ts';

export interface Reconciler {
  /** Goes once through all tasks and repairs what is at odds with stream, group or index; resolves to how many. */
  reconcile(signal?: AbortSignal): Promise<number>;
}

/**
 * Repairs what no transition can leave behind but lost data can: a task that is pending and in no queue, one that is
 * processing and whose lease can never lapse. One script call looks at about a hundred tasks.
 */
export function createReconciler(context: QueueContext): Reconciler {
  /** A page may hold more than was asked for. */
  async function repairSome(ids: readonly string[]): Promise<number> {
    let repaired = 0;
    for (let from = 0; from < ids.length; from += scriptBound) {
      const page = ids.slice(from, from + scriptBound);
      const repairs = (await runWithGroups(context, reconcileScript, page)) as string[];
      for (let index = 0; index + 1 < repairs.length; index += 2) {
        const [taskId, repair] = repairs.slice(index, index + 2) as [string, Repair];
        context.events.emit('task:repaired', { taskId, repair });
      }
      repaired += repairs.length / 2;
    }
    return repaired;
  }

  return {
    async reconcile(signal) {
      let repaired = 0;
      let cursor: string | undefined;
      do {
        const { ids, next } = await pageOfIds(context, cursor, scriptBound);
        repaired += await repairSome(ids);
        cursor = next;
      } while (cursor !== undefined && !signal?.aborted);
      return repaired;
    },
  };
}

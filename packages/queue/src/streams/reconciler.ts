import type { Repair } from '../queue-events.ts';
import type { QueueContext } from './context.ts';
import { runWithGroups } from './groups.ts';
import { reconcileScript } from './scripts/reconcile.lua.ts';

export interface Reconciler {
  /** Goes once through all tasks and repairs what is at odds with stream, group or index; resolves to how many. */
  reconcile(signal?: AbortSignal): Promise<number>;
}

/**
 * Repairs what no transition can leave behind but lost data can: a task that is pending and in no queue, one that is
 * processing and whose lease can never lapse. One script call looks at about a hundred tasks.
 */
export function createReconciler(context: QueueContext): Reconciler {
  return {
    async reconcile(signal) {
      let repaired = 0;
      let cursor = '0';
      do {
        const [next, repairs] = (await runWithGroups(context, reconcileScript, [cursor])) as [
          string,
          string[],
        ];
        for (let index = 0; index + 1 < repairs.length; index += 2) {
          const [taskId, repair] = repairs.slice(index, index + 2) as [string, Repair];
          context.events.emit('task:repaired', { taskId, repair });
        }
        repaired += repairs.length / 2;
        cursor = next;
      } while (cursor !== '0' && !signal?.aborted);
      return repaired;
    },
  };
}

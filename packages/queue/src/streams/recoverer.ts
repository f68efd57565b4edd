import { type Priority, priorityNames } from '@musicgen/contract';
import type { Recoverer, RecovererOptions } from '../maintenance.ts';
import type { RecoveryOutcome } from '../queue-events.ts';
import type { QueueContext } from './context.ts';
import { runWithGroups } from './groups.ts';
import { recoverScript } from './scripts/recover.lua.ts';
import { takeBackOverdueScript } from './scripts/take-back-overdue.lua.ts';

/**
 * Finds lost workers' tasks in all queues, whoever serves them. Any number of processes may do it at once: one
 * script takes one task back, so there is no lock to be left behind by a process that dies.
 */
export function createRecoverer(context: QueueContext, options: RecovererOptions): Recoverer {
  const { leaseMs, stallTimeoutMs, maxStalls } = options;

  function report(outcomes: readonly string[]): number {
    for (let index = 0; index + 2 < outcomes.length; index += 3) {
      const [taskId, priority, outcome] = outcomes.slice(index, index + 3) as [
        string,
        Priority,
        RecoveryOutcome,
      ];
      context.events.emit('lease:lapsed', { taskId, priority, outcome });
    }
    return outcomes.length / 3;
  }

  async function takeBackLapsed(signal?: AbortSignal): Promise<number> {
    let recovered = 0;
    let pages = priorityNames.map((priority) => ({ priority, cursor: '0-0' }));
    do {
      const cursors = pages.flatMap(({ priority, cursor }) => [priority, cursor]);
      const reply = await runWithGroups(context, recoverScript, [leaseMs, maxStalls, ...cursors]);
      const [next, outcomes] = reply as [string[], string[]];
      recovered += report(outcomes);
      pages = pages
        .map(({ priority }, index) => ({ priority, cursor: next[index] ?? '0-0' }))
        .filter(({ cursor }) => cursor !== '0-0');
    } while (pages.length > 0 && !signal?.aborted);
    return recovered;
  }

  async function takeBackOverdue(): Promise<number> {
    return report((await context.run(takeBackOverdueScript, [stallTimeoutMs, maxStalls])) as string[]);
  }

  return {
    async recover(signal) {
      return (await takeBackOverdue()) + (await takeBackLapsed(signal));
    },
  };
}

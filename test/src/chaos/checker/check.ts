import type { Recorded } from '../history.ts';
import type { Settings } from '../settings.ts';
import { checkOrder } from './check-order.ts';
import { checkRecovery } from './check-recovery.ts';
import { checkRequests, checkTask } from './check-tasks.ts';
import { checkListed, checkTold } from './check-told.ts';
import { type Figures, figuresOf } from './figures.ts';
import { ofType, taskHistories, type Violation } from './task-histories.ts';

export interface Verdict {
  /** Every broken promise; empty when the queue has kept them all. */
  violations: Violation[];
  figures: Figures;
}

/** For streams without entries and for counters, whatever the number of tasks that were. */
const memoryBoundBytes = 32_000;

/** Judges the history of a run by what the queue promises. */
export function checkHistory(history: readonly Recorded[], settings: Settings): Verdict {
  const tasks = taskHistories(history);
  const order = checkOrder(history, tasks, settings);
  const recovery = checkRecovery(history, tasks);
  const violations = [
    ...[...tasks.values()].flatMap((task) => [
      ...checkTask(task, settings),
      ...checkTold(task),
      ...checkListed(task),
    ]),
    ...checkRequests(history, tasks),
    ...order.violations,
    ...recovery.violations,
    ...checkWorkers(history),
    ...checkRest(history),
  ];
  return { violations, figures: figuresOf({ history, tasks, order, recovery, violations, settings }) };
}

/** A worker that was told to stop ends by itself and in order. */
function checkWorkers(history: readonly Recorded[]): Violation[] {
  return ofType(history, 'worker:exited')
    .filter(({ code, signal }) => code !== 0 && signal !== 'SIGKILL')
    .map(({ worker, code, signal }) => ({
      kind: 'unclean_exit',
      detail: `${worker} ended with ${signal ?? `exit code ${code}`}`,
    }));
}

/** With every task gone, nothing is left of them; and what lost no data needed no repair. */
function checkRest(history: readonly Recorded[]): Violation[] {
  const leftovers = ofType(history, 'leftover').map(({ key, detail }) => ({
    kind: 'leftover',
    detail: `${key}: ${detail}`,
  }));
  const repairs = ofType(history, 'task:repaired').map(({ task, repair }) => ({
    kind: 'repaired',
    task,
    detail: `reconciliation found it at odds: ${repair}`,
  }));
  const growth = ofType(history, 'memory:read')
    .filter(({ bytes }) => bytes > memoryBoundBytes)
    .map(({ bytes }) => ({ kind: 'memory_kept', detail: `${bytes} bytes with every task gone` }));
  return [...leftovers, ...repairs, ...growth];
}

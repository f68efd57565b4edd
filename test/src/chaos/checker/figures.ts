import { type TaskStatus, taskStatuses } from '@musicgen/contract';
import type { Recorded } from '../history.ts';
import type { FaultKind } from '../plan.ts';
import type { Settings } from '../settings.ts';
import type { OrderReport } from './check-order.ts';
import type { RecoveryReport } from './check-recovery.ts';
import { isBuried } from './check-tasks.ts';
import { countEvents, ends, ofType, type TaskHistory, type Violation } from './task-histories.ts';

export interface Figures {
  faults: Partial<Record<FaultKind, number>>;
  acknowledged: number;
  /** How many acknowledged tasks ended with each status. */
  ended: Partial<Record<TaskStatus, number>>;
  /** Dead letters that lost more workers than a task may; the others that failed were meant to. */
  buried: number;
  claims: number;
  stalls: number;
  handBacks: number;
  /** Answers that told a worker that another attempt owns its task. */
  refusedAsLost: number;
  lost: number;
  acceptedTwice: number;
  orderViolations: number;
  ordersJudged: number;
  /** Claims that ageing let go before a better priority. */
  aged: number;
  longestRecoveryMs: number;
  medianRecoveryMs: number;
  handBacksMeasured: number;
  longestHandBackMs: number;
  /** Of what is left in Redis when all tasks are gone. */
  memoryLeftBytes: number;
}

export interface FiguresOptions {
  settings: Settings;
  history: readonly Recorded[];
  tasks: Map<string, TaskHistory>;
  order: OrderReport;
  recovery: RecoveryReport;
  violations: readonly Violation[];
}

/** The run in numbers. */
export function figuresOf(options: FiguresOptions): Figures {
  const { history, tasks, order, recovery, violations, settings } = options;
  const acknowledged = [...tasks.values()].filter((task) => task.acknowledged !== undefined);
  const sum = (count: (task: TaskHistory) => number) =>
    acknowledged.reduce((total, task) => total + count(task), 0);
  const violationsOf = (kind: string) => violations.filter((violation) => violation.kind === kind).length;
  const [memory] = ofType(history, 'memory:read');
  return {
    faults: countBy(ofType(history, 'fault').map(({ fault }) => fault)),
    acknowledged: acknowledged.length,
    ended: countBy(
      acknowledged.flatMap((task) =>
        ends(task)
          .map(({ status }) => status)
          .slice(0, 1),
      ),
    ),
    buried: acknowledged.filter((task) => isBuried(task, settings.maxStalls)).length,
    claims: sum((task) => countEvents(task, 'claimed')),
    stalls: sum((task) => countEvents(task, 'stalled')),
    handBacks: sum((task) => countEvents(task, 'returned')),
    refusedAsLost: sum((task) => task.endings.filter(({ outcome }) => outcome === 'lost').length),
    lost: violationsOf('lost'),
    acceptedTwice: violationsOf('accepted_twice'),
    orderViolations: violationsOf('order'),
    ordersJudged: order.judged,
    aged: order.aged,
    longestRecoveryMs: Math.max(0, ...recovery.recoveriesMs),
    medianRecoveryMs: median(recovery.recoveriesMs),
    handBacksMeasured: recovery.handBacksMs.length,
    longestHandBackMs: Math.max(0, ...recovery.handBacksMs),
    memoryLeftBytes: memory?.bytes ?? 0,
  };
}

/** The figures as lines for people. */
export function describeFigures(figures: Figures): string[] {
  const { faults, ended } = figures;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  return [
    `faults             ${Object.entries(faults)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(' · ')}`,
    `acknowledged       ${figures.acknowledged} tasks`,
    `ended              ${taskStatuses
      .filter((status) => ended[status])
      .map((status) => `${ended[status]} ${status}`)
      .join(' · ')}; ${figures.buried} of them buried after too many lost workers`,
    `claims             ${figures.claims}; ${figures.stalls} stalled, ${figures.handBacks} handed back, ${figures.refusedAsLost} late answers refused`,
    `lost               ${figures.lost}`,
    `accepted twice     ${figures.acceptedTwice}`,
    `order violations   ${figures.orderViolations} of ${figures.ordersJudged} claims; ageing let ${figures.aged} go first`,
    `recovery           median ${seconds(figures.medianRecoveryMs)}, longest ${seconds(figures.longestRecoveryMs)} after the kill of a worker`,
    `hand-back          longest ${seconds(figures.longestHandBackMs)} beside an idle worker, of ${figures.handBacksMeasured} with no other fault around`,
    `memory left        ${figures.memoryLeftBytes} bytes in Redis with every task gone`,
  ];
}

function countBy<Name extends string>(names: readonly Name[]): Partial<Record<Name, number>> {
  const counts: Partial<Record<Name, number>> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

import { isTerminal, type Priority } from '@musicgen/contract';
import type { LifecycleEntry, Recorded } from '../history.ts';
import type { FaultKind } from '../plan.ts';
import { ofType, type TaskHistory, type Violation } from './task-histories.ts';

export interface RecoveryReport {
  violations: Violation[];
  /** From the kill of a worker to the moment its task was back in its queue, or at its end. */
  recoveriesMs: number[];
  /** How long handed-back tasks waited beside an idle worker, with nothing else wrong. */
  handBacksMs: number[];
}

interface Span {
  from: number;
  to: number;
}

/** What the design promises a handed-back task. */
const handBackBoundMs = 1_000;
/** How long before a hand-back nothing else may have gone wrong, and how long a fault is felt. */
const calmMs = 500;
const aftermathMs = 1_000;

/** How long killed workers' tasks were away, and how long those that were handed back. */
export function checkRecovery(history: readonly Recorded[], tasks: Map<string, TaskHistory>): RecoveryReport {
  const kills = ofType(history, 'fault').filter(({ fault }) => fault === 'worker:kill');
  const killedAt = new Map(kills.map(({ worker, at }) => [worker ?? '', at]));
  const isQuiet = createIsQuiet(history);
  const idleMs = createIdleness(history);
  const handBacks = [...tasks.values()]
    .flatMap(handBacksOf)
    .filter(({ from, to }) => isQuiet({ from: from - calmMs, to }))
    .map((handBack) => ({ ...handBack, besideIdleMs: idleMs(handBack.priority, handBack) }));
  return {
    violations: handBacks
      .filter(({ besideIdleMs }) => besideIdleMs > handBackBoundMs)
      .map(({ task, besideIdleMs }) => ({
        kind: 'slow_hand_back',
        task,
        detail: `waited for ${besideIdleMs} ms beside an idle worker`,
      })),
    handBacksMs: handBacks.map(({ besideIdleMs }) => besideIdleMs),
    recoveriesMs: [...tasks.values()].flatMap((task) => recoveriesOf(task, killedAt)),
  };
}

/** For each claim whose worker was killed before it could say how it ended: how long nobody took it off that worker. */
function recoveriesOf({ claims, endings, lifecycle }: TaskHistory, killedAt: Map<string, number>): number[] {
  return claims.flatMap(({ worker, token, calledAt }) => {
    const killed = killedAt.get(worker);
    if (killed === undefined || endings.some((ending) => ending.token === token)) return [];
    const next = lifecycle.find((entry) => entry.at >= calledAt && isTakenOff(entry));
    return next === undefined || next.at < killed ? [] : [next.at - killed];
  });
}

function isTakenOff({ event, status }: LifecycleEntry): boolean {
  return event === 'stalled' || isTerminal(status);
}

function handBacksOf({ id, lifecycle }: TaskHistory) {
  return lifecycle.flatMap(({ event, at, priority }, index) => {
    const next = lifecycle[index + 1];
    if (event !== 'returned' || next?.event !== 'claimed') return [];
    return [{ task: id, priority, from: at, to: next.at }];
  });
}

/** Whether nothing but SIGTERMs went on in a span, and everybody got their turns. */
function createIsQuiet(history: readonly Recorded[]): (span: Span) => boolean {
  const harmless: readonly FaultKind[] = ['worker:terminate'];
  const faults = ofType(history, 'fault').filter(({ fault }) => !harmless.includes(fault));
  const disturbed = [...faults, ...ofType(history, 'process:stalled')].map(
    ({ at, lastsMs }): Span => ({ from: at, to: at + lastsMs + aftermathMs }),
  );
  return ({ from, to }) => !disturbed.some((span) => span.from <= to && from <= span.to);
}

/** For how long at most one single worker that serves a priority waited for work during a span. */
function createIdleness(history: readonly Recorded[]): (priority: Priority, span: Span) => number {
  const serves = new Map(
    ofType(history, 'worker:started').map(({ worker, priorities }) => [worker, priorities]),
  );
  const began = new Map<string, number>();
  const waits = history.flatMap((event) => {
    if (event.type === 'wait:began') began.set(event.worker, event.at);
    if (event.type !== 'wait:ended') return [];
    return [{ worker: event.worker, from: began.get(event.worker) ?? event.at, to: event.at }];
  });
  return (priority, { from, to }) => {
    const idle = waits.filter(({ worker }) => serves.get(worker)?.includes(priority));
    return idle.reduce((longest, wait) => {
      return Math.max(longest, Math.min(wait.to, to) - Math.max(wait.from, from));
    }, 0);
  };
}

import type { EventEmitter } from 'node:events';
import {
  type ErrorCode,
  isTerminal,
  type Priority,
  priorityNames,
  type TaskStatus,
  taskStatuses,
} from '@musicgen/contract';
import { Counter, Histogram, type Registry } from 'prom-client';

/** What ends tasks, wherever in the fleet that is: workers, background duties, callers. */
export interface TaskCounters {
  ended(task: { priority: Priority; status: TaskStatus }): void;
  /** It used up its attempts, or cannot be read. */
  deadLettered(reason: DeadLetterReason): void;
  /** An attempt ended without a verdict. */
  returned(reason: RequeueReason): void;
  /** An attempt was stopped so long after that was asked for. */
  stopped(seconds: number): void;
}

const requeueReasons = ['worker_shutdown', 'preempted', 'lost', 'lease_lapsed'] as const;
export type RequeueReason = (typeof requeueReasons)[number];

const deadLetterReasons = [
  'worker_lost',
  'model_load_failed',
  'out_of_memory',
  'engine_crashed',
  'storage_failed',
  'corrupt_record',
  'internal',
  'other',
] as const satisfies (ErrorCode | 'other')[];
type DeadLetterReason = (typeof deadLetterReasons)[number];

/** As a label of dead letters; reasons that are not repeated, and so never use up the attempts, count as `other`. */
export function deadLetterReason(code: ErrorCode): DeadLetterReason {
  return deadLetterReasons.find((reason) => reason === code) ?? 'other';
}

const cancelBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const known = new WeakMap<Registry, TaskCounters>();

/** The counters of a process: one set, however many of its parts count. */
export function taskCounters(registry: Registry): TaskCounters {
  const counters = known.get(registry) ?? createCounters(registry);
  known.set(registry, counters);
  return counters;
}

function createCounters(registry: Registry): TaskCounters {
  const registers = [registry];
  const finished = new Counter({
    name: 'musicgen_tasks_finished_total',
    help: 'Tasks this process brought to an end.',
    labelNames: ['priority', 'status'],
    registers,
  });
  const dead = new Counter({
    name: 'musicgen_tasks_dead_lettered_total',
    help: 'Tasks that used up their attempts, and what could not be read as a task.',
    labelNames: ['reason'],
    registers,
  });
  const requeues = new Counter({
    name: 'musicgen_task_requeues_total',
    help: 'Attempts that ended without a verdict.',
    labelNames: ['reason'],
    registers,
  });
  const cancelLatency = new Histogram({
    name: 'musicgen_cancel_latency_seconds',
    help: 'From the request to cancel a running task to the end of its attempt.',
    buckets: cancelBuckets,
    registers,
  });
  for (const priority of priorityNames) {
    for (const status of taskStatuses.filter(isTerminal)) finished.inc({ priority, status }, 0);
  }
  for (const reason of deadLetterReasons) dead.inc({ reason }, 0);
  for (const reason of requeueReasons) requeues.inc({ reason }, 0);
  return {
    ended: ({ priority, status }) => finished.inc({ priority, status }),
    deadLettered: (reason) => dead.inc({ reason }),
    returned: (reason) => requeues.inc({ reason }),
    stopped: (seconds) => cancelLatency.observe(seconds),
  };
}

/** As much of a queue's events as counting needs. */
interface CountedEventMap {
  'task:expired': [{ priority: Priority }];
  'task:cancelled': [{ priority: Priority; afterMs?: number }];
  'entry:discarded': [{ priority: Priority; reason: string }];
  'lease:lapsed': [{ priority: Priority; outcome: 'returned' | 'buried' | 'cancelled' }];
}

/** Counts what a queue's own duties and its callers end; workers count their verdicts themselves. */
export function countTaskEnds<Events extends CountedEventMap & Record<keyof Events, unknown[]>>(
  registry: Registry,
  emitter: EventEmitter<Events>,
): void {
  const events = emitter as unknown as EventEmitter<CountedEventMap>;
  const counters = taskCounters(registry);
  events.on('task:expired', ({ priority }) => counters.ended({ priority, status: 'expired' }));
  events.on('task:cancelled', ({ priority, afterMs }) => {
    counters.ended({ priority, status: 'cancelled' });
    if (afterMs !== undefined) counters.stopped(afterMs / 1000);
  });
  events.on('entry:discarded', ({ priority, reason }) => {
    if (reason !== 'corrupt_record' && reason !== 'no_id') return;
    counters.ended({ priority, status: 'failed' });
    counters.deadLettered('corrupt_record');
  });
  events.on('lease:lapsed', ({ priority, outcome }) => {
    if (outcome === 'returned') return counters.returned('lease_lapsed');
    counters.ended({ priority, status: outcome === 'buried' ? 'failed' : 'cancelled' });
    if (outcome === 'buried') counters.deadLettered('worker_lost');
  });
}

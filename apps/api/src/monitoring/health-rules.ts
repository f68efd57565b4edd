import type { healthStatuses } from '@musicgen/contract';
import { type Performance, type QueueDepth, type ServerFacts, serverDangers } from '@musicgen/queue';

type HealthStatus = (typeof healthStatuses)[number];

/** What the health of a fleet is judged by. */
export interface HealthFacts {
  queues: readonly QueueDepth[];
  processing: number;
  /** Live workers that take tasks, and how many at once. */
  workers: number;
  slots: number;
  /** Of the last hour. */
  performance: Pick<Performance, 'completed' | 'failed'>;
  /** Undefined where tasks are kept in no server. */
  server: ServerFacts | undefined;
}

/** Beyond these an operator should look; the alerts in `deploy/prometheus` use the same numbers. */
const limits = {
  queueLength: 1_000,
  oldestSeconds: 3_600,
  failureShare: 0.1,
  failureShareUnhealthy: 0.5,
  /** With fewer finished tasks a share says little. */
  leastFinished: 10,
  processing: 100,
  /** Of the slots of live workers: more tasks than that are held by workers that are gone. */
  processingPerSlot: 1.2,
};

interface Finding {
  severity: Exclude<HealthStatus, 'healthy'>;
  warning: string;
}

/** Judges the whole, and says in words what is wrong. */
export function judgeHealth(facts: HealthFacts): { status: HealthStatus; warnings: string[] } {
  const findings = [
    ...facts.queues.flatMap(queueFindings),
    ...failureFindings(facts.performance),
    ...workerFindings(facts),
    ...serverFindings(facts.server),
  ];
  const worst = findings.some(({ severity }) => severity === 'unhealthy') ? 'unhealthy' : 'degraded';
  return {
    status: findings.length === 0 ? 'healthy' : worst,
    warnings: findings.map(({ warning }) => warning),
  };
}

function queueFindings({ priority, waiting, oldestAgeMs = 0, paused }: QueueDepth): Finding[] {
  const seconds = Math.round(oldestAgeMs / 1000);
  return degraded([
    waiting > limits.queueLength && `${waiting} tasks wait in the queue ${priority}.`,
    seconds > limits.oldestSeconds && `The oldest task in the queue ${priority} has waited ${seconds} s.`,
    paused && waiting > 0 && `The queue ${priority} is paused while ${waiting} tasks wait in it.`,
  ]);
}

function failureFindings({ completed, failed }: HealthFacts['performance']): Finding[] {
  const finished = completed + failed;
  const share = finished < limits.leastFinished ? 0 : failed / finished;
  if (share <= limits.failureShare) return [];
  const severity = share > limits.failureShareUnhealthy ? 'unhealthy' : 'degraded';
  return [
    { severity, warning: `${Math.round(share * 100)} % of the tasks that finished in the last hour failed.` },
  ];
}

function workerFindings({ queues, processing, workers, slots }: HealthFacts): Finding[] {
  const waiting = queues.reduce((sum, queue) => sum + (queue.paused ? 0 : queue.waiting), 0);
  const most = Math.max(limits.processing, limits.processingPerSlot * slots);
  const crowded = degraded([
    processing > most && `${processing} tasks are processing, on ${slots} slots of live workers.`,
  ]);
  if (workers > 0 || waiting === 0) return crowded;
  return [
    { severity: 'unhealthy', warning: `${waiting} tasks wait and no worker that takes any lives.` },
    ...crowded,
  ];
}

function serverFindings(server: ServerFacts | undefined): Finding[] {
  if (server === undefined) return [];
  return degraded(serverDangers(server).map(({ detail, remedy }) => `${detail} ${remedy}`));
}

function degraded(warnings: readonly (string | false)[]): Finding[] {
  return warnings.flatMap((warning) => (warning === false ? [] : [{ severity: 'degraded', warning }]));
}

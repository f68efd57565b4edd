import { styleText } from 'node:util';
import type { LiveWorkers, QueueState, TaskHealth, TaskPerformance } from '@musicgen/client';
import { formatSeconds, formatTable, plainLine } from '../format.ts';
import { queueRows } from './queue.ts';
import { workerRows } from './workers.ts';

export interface TopFigures {
  health: TaskHealth;
  queue: QueueState;
  workers: LiveWorkers;
  /** Of the last five minutes. */
  performance: TaskPerformance;
  at: Date;
}

const colours = { healthy: 'green', degraded: 'yellow', unhealthy: 'red' } as const;

/** The lines of the screen, the most important first: a small terminal cuts off the end. */
export function renderTop({ health, queue, workers, performance, at }: TopFigures): string[] {
  const { metrics } = health;
  const status = styleText(colours[health.status], health.status, { stream: process.stdout });
  const { slots, busy_slots: busy } = workers;
  return [
    `musicgen  ${status}  ${at.toISOString().slice(11, 19)} UTC`,
    `tasks     ${queue.waiting} waiting, ${metrics.processing_tasks} processing, ${metrics.completed_tasks} completed, ${metrics.failed_tasks} failed`,
    `rates     ${ratesOf(performance)}`,
    `slots     ${meter(busy, slots)} ${busy} of ${slots} busy, workers: ${workers.total}`,
    ...health.warnings.map((warning) => `warning   ${plainLine(warning)}`),
    '',
    ...formatTable(queueRows(queue)).split('\n'),
    '',
    ...(workers.total === 0 ? ['No worker is alive.'] : formatTable(workerRows(workers)).split('\n')),
  ];
}

/** Over five minutes, so that one slow task does not shake them. */
function ratesOf(performance: TaskPerformance): string {
  const { completed_tasks: completed, failed_tasks: failed } = performance;
  if (completed + failed === 0) return 'nothing has ended in the last 5 min';
  return [
    `${performance.throughput_per_minute.toFixed(1)} tasks a minute`,
    `${Math.round(performance.success_rate * 100)} % succeeded`,
    `p50 ${formatSeconds(performance.p50_processing_time)}`,
    `p95 ${formatSeconds(performance.p95_processing_time)}`,
  ].join(', ');
}

function meter(value: number, most: number): string {
  const width = 24;
  const filled = most > 0 ? Math.round((value / most) * width) : 0;
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
}

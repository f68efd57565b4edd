import type {
  Priority,
  TaskStatus,
  taskDistributionSchema,
  taskHealthSchema,
  taskMetricsSchema,
  taskPerformanceSchema,
  taskTrendsSchema,
} from '@musicgen/contract';
import { countOf, type Performance, type QueueDepth, type QueueMonitor, type Tally } from '@musicgen/queue';
import type { z } from 'zod';
import type { Estimator } from '../estimate/estimator.ts';
import { timestamp, timestampOrNull } from '../timestamps.ts';
import { judgeHealth } from './health-rules.ts';

/** Over this window health looks at failures and at how long tasks take. */
const healthWindowMs = 3_600_000;

export async function healthOf(
  monitor: QueueMonitor,
  estimator: Estimator,
): Promise<z.input<typeof taskHealthSchema>> {
  const [counts, performance, queues, totals, server, fleet, lifecycle, groups, cleanedAt] =
    await Promise.all([
      monitor.counts(),
      monitor.performance(healthWindowMs),
      monitor.queues(),
      monitor.totals(),
      monitor.server(),
      estimator.fleet(),
      monitor.lifecycle(),
      monitor.readableStreams(),
      monitor.cleanedAt(),
    ]);
  const working = fleet.workers.filter(({ draining }) => !draining);
  const judged = judgeHealth({
    queues,
    performance,
    server,
    processing: counts.processing,
    workers: working.length,
    slots: working.reduce((sum, { slots }) => sum + slots, 0),
  });
  return {
    status: judged.status,
    metrics: metricsView(counts, performance),
    queue_status: queues.map((queue) => ({ ...queueStatus(queue), ...flowOf(queue.priority, totals) })),
    stream_info: {
      length: lifecycle.length,
      first_entry: lifecycle.firstId ?? null,
      last_entry: lifecycle.lastId ?? null,
      consumer_groups: groups,
    },
    warnings: judged.warnings,
    last_cleanup: timestampOrNull(cleanedAt),
  };
}

const endings = ['completed', 'failed', 'cancelled', 'expired'] as const satisfies TaskStatus[];

/** How much ever came into a queue and how much ended in it. */
function flowOf(priority: Priority, totals: Tally) {
  return {
    submitted_total: countOf(totals, `created:${priority}`),
    ended_total: endings.reduce((sum, status) => sum + countOf(totals, `${status}:${priority}`), 0),
  };
}

export function queueStatus({ priority, waiting, oldestAgeMs, paused }: QueueDepth) {
  return { priority, length: waiting, oldest_task_age: secondsOrNull(oldestAgeMs), paused };
}

export function secondsOrNull(ms: number | undefined): number | null {
  return ms === undefined ? null : ms / 1000;
}

export async function metricsOf(monitor: QueueMonitor): Promise<z.input<typeof taskMetricsSchema>> {
  return metricsView(...(await Promise.all([monitor.counts(), monitor.performance(healthWindowMs)])));
}

type Counts = Awaited<ReturnType<QueueMonitor['counts']>>;

function metricsView(counts: Counts, { meanProcessingMs = 0 }: Performance) {
  return {
    total_tasks: Object.values(counts).reduce((sum, count) => sum + count, 0),
    pending_tasks: counts.pending,
    processing_tasks: counts.processing,
    completed_tasks: counts.completed,
    failed_tasks: counts.failed,
    avg_processing_time: meanProcessingMs / 1000,
    queue_length: counts.pending + counts.processing,
  };
}

export async function distributionOf(monitor: QueueMonitor): Promise<z.input<typeof taskDistributionSchema>> {
  const [by_status, { byPriority, byAge }] = await Promise.all([monitor.counts(), monitor.existing()]);
  const countFrom = (minutes: number) => byAge.find(({ fromMinutes }) => fromMinutes === minutes)?.count ?? 0;
  return {
    by_status,
    by_priority: byPriority,
    by_age: {
      '< 1 min': countFrom(0),
      '1-5 min': countFrom(1),
      '5-15 min': countFrom(5),
      '15-60 min': countFrom(15),
      '1-6 hours': countFrom(60),
      '6-24 hours': countFrom(360),
      '> 24 hours': countFrom(1440),
    },
  };
}

/** Clients of the older service do arithmetic with these, so what is unknown is 0 and the counts beside it say so. */
export function performanceView(performance: Performance): z.input<typeof taskPerformanceSchema> {
  const seconds = (ms = 0) => Math.round(ms) / 1000;
  return {
    avg_processing_time: seconds(performance.meanProcessingMs),
    p50_processing_time: seconds(performance.p50ProcessingMs),
    p95_processing_time: seconds(performance.p95ProcessingMs),
    p99_processing_time: seconds(performance.p99ProcessingMs),
    success_rate: performance.successRate ?? 0,
    retry_rate: performance.retryRate ?? 0,
    throughput_per_minute: performance.completedPerMinute,
    completed_tasks: performance.completed,
    failed_tasks: performance.failed,
  };
}

type Trends = Awaited<ReturnType<QueueMonitor['trends']>>;

export function trendsView(trends: Trends): z.input<typeof taskTrendsSchema> {
  const start = trends[0]?.startsAt ?? 0;
  const byHour = trends.map(({ startsAt, ...counts }) => [hourName(startsAt), counts] as const);
  return {
    time_range: {
      start: timestamp(start),
      end: timestamp(start + trends.length * 3_600_000),
      hours: trends.length,
    },
    trends: Object.fromEntries(byHour),
  };
}

/** `2026-11-22 17:00`, in UTC. */
function hourName(startsAt: number): string {
  const [date, clock = ''] = timestamp(startsAt).split('T');
  return `${date} ${clock.slice(0, 5)}`;
}

import { type Priority, priorityNames } from '@musicgen/contract';
import type { Backlog, QueueMonitor } from '@musicgen/queue';
import { Gauge, type Registry } from 'prom-client';
import { cached } from './cached.ts';
import type { Estimator } from './estimate/estimator.ts';
import { foresee } from './estimate/foresee.ts';
import { audioSecondsOf } from './estimate/outlook.ts';
import { stateOf } from './monitoring/workers.ts';

export interface QueueMetricsOptions {
  monitor: QueueMonitor;
  estimator: Estimator;
  /** Tasks that may wait. */
  capacity: number;
}

/** Scrapes that come together look once; one that Redis does not answer in time says so instead of old numbers. */
const lastsMs = 1_000;
const deadlineMs = 2_000;

/**
 * What all processes of the fleet share, read from Redis when Prometheus asks; every API process says the same, so query
 * it with `max`. Without an answer `musicgen_queue_stats_up` is 0, and the others have no value.
 */
export function observeQueue(registry: Registry, options: QueueMetricsOptions): void {
  const read = cached({ load: () => look(options), lastsMs, deadlineMs });
  const gauge = gauges(registry, () => read().catch(() => undefined));
  new Gauge({
    name: 'musicgen_queue_stats_up',
    help: '1 while the numbers of the queue can be read from Redis.',
    registers: [registry],
    async collect() {
      this.set(
        await read().then(
          () => 1,
          () => 0,
        ),
      );
    },
  });
  queueGauges(gauge);
  workerGauges(gauge);
  redisGauges(gauge);
}

type State = Awaited<ReturnType<typeof look>>;

async function look({ monitor, estimator, capacity }: QueueMetricsOptions) {
  const [queues, delayed, dead, backlog, workers, server, fleet, cleanedAt] = await Promise.all([
    monitor.queues(),
    monitor.delayed(),
    monitor.deadLetters(),
    monitor.backlog(),
    monitor.workers(),
    monitor.server(),
    estimator.fleet(),
    monitor.cleanedAt(),
  ]);
  return { queues, delayed, dead, backlog, workers, server, fleet, cleanedAt, capacity };
}

interface GaugeSpec {
  name: string;
  help: string;
  labels?: string[];
  /** The values to be; those without one are left out. */
  values(state: State): { labels?: Record<string, string>; value: number | undefined }[];
}

/** Makes gauges that are set anew on every scrape, from one look at the queue. */
function gauges(registry: Registry, read: () => Promise<State | undefined>) {
  return ({ name, help, labels = [], values }: GaugeSpec) =>
    new Gauge({
      name,
      help,
      labelNames: labels,
      registers: [registry],
      async collect() {
        const state = await read();
        this.reset();
        // A gauge without labels cannot be absent.
        if (labels.length === 0) this.set(Number.NaN);
        const known = (state ? values(state) : []).filter(({ value }) => value !== undefined);
        for (const { labels: of = {}, value = 0 } of known) this.set(of, value);
      },
    });
}

type MakeGauge = ReturnType<typeof gauges>;

function byPriority(measure: (priority: Priority) => number | undefined) {
  return priorityNames.map((priority) => ({ labels: { priority }, value: measure(priority) }));
}

function queueGauges(gauge: MakeGauge): void {
  gauge({
    name: 'musicgen_queue_tasks',
    help: 'Tasks that wait (queued), run (processing) or wait for a retry (delayed, of all priorities).',
    labels: ['priority', 'state'],
    values: ({ queues, delayed }) => [
      ...queues.flatMap(({ priority, waiting, running }) => [
        { labels: { priority, state: 'queued' }, value: waiting },
        { labels: { priority, state: 'processing' }, value: running },
      ]),
      { labels: { state: 'delayed' }, value: delayed },
    ],
  });
  gauge({
    name: 'musicgen_queue_oldest_task_age_seconds',
    help: 'How long the oldest waiting task has waited; 0 when none waits.',
    labels: ['priority'],
    values: ({ queues }) => byPriority((name) => (find(queues, name)?.oldestAgeMs ?? 0) / 1000),
  });
  gauge({
    name: 'musicgen_queue_paused',
    help: '1 while nothing is taken from the queue because an operator paused it.',
    labels: ['priority'],
    values: ({ queues }) => byPriority((name) => Number(find(queues, name)?.paused ?? false)),
  });
  gauge({
    name: 'musicgen_queue_backlog_audio_seconds',
    help: 'Audio that the waiting tasks asked for.',
    labels: ['priority'],
    values: ({ backlog }) => byPriority((name) => audioSecondsOf(costOfWaiting(backlog, name))),
  });
  gauge({
    name: 'musicgen_queue_estimated_wait_seconds',
    help: 'How long a task submitted now is expected to wait; absent while no worker serves the queue.',
    labels: ['priority'],
    values: ({ fleet }) =>
      byPriority((priority) => foresee(fleet.outlook, { priority, seconds: 10 })?.startsIn),
  });
  gauge({
    name: 'musicgen_queue_capacity',
    help: 'Tasks that may wait, over all queues.',
    values: ({ capacity }) => [{ value: capacity }],
  });
  gauge({
    name: 'musicgen_dead_letter_tasks',
    help: 'Tasks that used up their attempts and wait for an operator.',
    values: ({ dead }) => [{ value: dead }],
  });
  gauge({
    name: 'musicgen_pipeline_heartbeat_timestamp_seconds',
    help: 'When a stage of the pipeline last went round.',
    labels: ['stage'],
    values: ({ cleanedAt }) => [
      { labels: { stage: 'cleanup' }, value: cleanedAt === undefined ? undefined : cleanedAt / 1000 },
    ],
  });
}

function find(queues: State['queues'], name: Priority) {
  return queues.find(({ priority }) => priority === name);
}

function costOfWaiting({ waiting }: Backlog, priority: Priority): number {
  return waiting[priority].cost;
}

function workerGauges(gauge: MakeGauge): void {
  gauge({
    name: 'musicgen_workers_live',
    help: 'Workers that were seen within the last minute.',
    labels: ['state'],
    values: ({ workers }) =>
      (['idle', 'busy', 'draining'] as const).map((state) => ({
        labels: { state },
        value: workers.filter((worker) => stateOf(worker) === state).length,
      })),
  });
  gauge({
    name: 'musicgen_workers_slots',
    help: 'Tasks that live workers which do not drain can work on at once.',
    values: ({ fleet }) => [
      {
        value: fleet.workers.filter(({ draining }) => !draining).reduce((sum, { slots }) => sum + slots, 0),
      },
    ],
  });
}

function redisGauges(gauge: MakeGauge): void {
  gauge({
    name: 'musicgen_redis_memory_used_bytes',
    help: 'Memory that Redis uses.',
    values: ({ server }) => [{ value: server?.usedMemoryBytes }],
  });
  gauge({
    name: 'musicgen_redis_memory_max_bytes',
    help: 'Memory that Redis may use: maxmemory, or without one the memory of its machine.',
    values: ({ server }) => [{ value: server?.memoryLimitBytes }],
  });
  gauge({
    name: 'musicgen_redis_safe',
    help: '1 while Redis evicts nothing, keeps an append-only file and could write its last save.',
    values: ({ server }) => [
      {
        value:
          server &&
          Number(server.evictionPolicy === 'noeviction' && server.appendOnlyFile && server.lastSaveWorked),
      },
    ],
  });
}

import {
  type ErrorCode,
  isRetryable,
  isTerminal,
  type Priority,
  priorityNames,
  type TaskResult,
  type TaskStatus,
  taskStages,
  taskStatuses,
} from '@musicgen/contract';
import type { Engine } from '@musicgen/engine';
import type { TaskRecord } from '@musicgen/queue';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Everything a worker measures, by what happened. */
export interface WorkerMetrics {
  taskClaimed(task: TaskRecord): void;
  taskEnded(task: { priority: Priority; status: TaskStatus }): void;
  /** With the record as it was claimed. */
  taskCompleted(completed: { task: TaskRecord; result: TaskResult; seconds: number }): void;
  attemptFailed(reason: ErrorCode): void;
  taskRetried(reason: ErrorCode): void;
  taskReturned(reason: RequeueReason): void;
  slotsAvailable(count: number): void;
  slotsBusy(count: number): void;
  /** Told how to find out how long the longest running attempt has run, in seconds; 0 without any. */
  watchAttempts(longestSeconds: () => number): void;
  draining(): void;
  watchEngine(engine: Engine): void;
}

/** Why an attempt may fail on a worker. */
const failureReasons: ErrorCode[] = [
  'model_load_failed',
  'invalid_request',
  'unreadable_audio',
  'gone',
  'model_unavailable',
  'generation_failed',
  'out_of_memory',
  'engine_crashed',
  'storage_failed',
  'corrupt_record',
  'internal',
];

const requeueReasons = ['worker_shutdown', 'preempted', 'lost'] as const;
type RequeueReason = (typeof requeueReasons)[number];

const queueWaitBuckets = [0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600];
const processingBuckets = [1, 2.5, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200];
const stageBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100];
/** The objective: nine of ten estimates are less than 20 % off. */
const etaErrorBuckets = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10];
const realTimeFactorBuckets = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20];

export function createWorkerMetrics(registry: Registry): WorkerMetrics {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const histogram = <Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    buckets: number[],
  ) => new Histogram({ name, help, labelNames, buckets, registers });

  const finished = counter('musicgen_tasks_finished_total', 'Tasks this worker brought to an end.', [
    'priority',
    'status',
  ]);
  const failures = counter('musicgen_task_failures_total', 'Attempts that failed.', ['reason']);
  const retries = counter('musicgen_task_retries_total', 'Failed attempts that will be repeated.', [
    'reason',
  ]);
  const requeues = counter('musicgen_task_requeues_total', 'Attempts that ended without a verdict.', [
    'reason',
  ]);
  const audio = counter('musicgen_audio_generated_seconds_total', 'Seconds of audio of completed tasks.', []);
  const bytes = counter('musicgen_result_bytes_total', 'Bytes of stored audio.', ['format']);
  const restarts = counter(
    'musicgen_worker_engine_restarts_total',
    'Times the engine was started again after it ended.',
    [],
  );
  const queueWait = histogram(
    'musicgen_task_queue_wait_seconds',
    'From submission to the first claim.',
    ['priority'],
    queueWaitBuckets,
  );
  const processing = histogram(
    'musicgen_task_processing_duration_seconds',
    'From the claim to the completion of an attempt.',
    [],
    processingBuckets,
  );
  const stages = histogram(
    'musicgen_task_stage_duration_seconds',
    'Time in one stage.',
    ['stage'],
    stageBuckets,
  );
  const realTimeFactor = histogram(
    'musicgen_task_real_time_factor_ratio',
    'Seconds of processing for one second of audio.',
    [],
    realTimeFactorBuckets,
  );
  const endToEnd = histogram(
    'musicgen_task_end_to_end_duration_seconds',
    'From submission to completion.',
    ['priority'],
    [...processingBuckets, 3600],
  );
  const etaError = histogram(
    'musicgen_task_eta_error_ratio',
    'How far the end that was foreseen at submission was off, in parts of the time it took.',
    ['priority'],
    etaErrorBuckets,
  );
  let longestAttemptSeconds = () => 0;
  new Gauge({
    name: 'musicgen_worker_current_task_age_seconds',
    help: 'How long the longest running attempt has run; 0 while nothing runs.',
    registers,
    collect() {
      this.set(longestAttemptSeconds());
    },
  });
  const slots = gauge('musicgen_worker_slots', 'Tasks this worker can work on at once.');
  const busy = gauge('musicgen_worker_busy_slots', 'Tasks this worker works on now.');
  const steps = counter(
    'musicgen_decoder_steps_total',
    'Steps of the decoder, each for all tasks at once.',
    [],
  );
  const columns = counter(
    'musicgen_decoder_frames_total',
    'Columns of codes that were made, over all tasks.',
    [],
  );
  const rows = counter(
    'musicgen_decoder_rows_total',
    'Rows that were computed, over all steps: two for a task with guidance.',
    [],
  );
  const stepSeconds = counter('musicgen_decoder_step_seconds_total', 'Time spent in steps.', []);
  const runSeconds = counter(
    'musicgen_decoder_run_seconds_total',
    'Of the time in steps, that inside ONNX Runtime; the rest is our own.',
    [],
  );
  const rowsNow = gauge('musicgen_decoder_rows', 'Rows of the batch, averaged over the last second of work.');
  const drains = gauge('musicgen_worker_draining', '1 while the worker shuts down.');
  const engineUp = gauge('musicgen_worker_engine_up', '1 while the engine can work.');

  for (const priority of priorityNames) {
    for (const measured of [queueWait, endToEnd, etaError]) measured.zero({ priority });
    for (const status of taskStatuses.filter(isTerminal)) finished.inc({ priority, status }, 0);
  }
  for (const reason of failureReasons) {
    failures.inc({ reason }, 0);
    if (isRetryable(reason)) retries.inc({ reason }, 0);
  }
  for (const reason of requeueReasons) requeues.inc({ reason }, 0);
  bytes.inc({ format: 'wav' }, 0);
  for (const stage of taskStages) stages.zero({ stage });

  return {
    taskClaimed({ priority, attempt, createdAt, startedAt }) {
      if (attempt === 1 && startedAt !== undefined)
        queueWait.observe({ priority }, (startedAt - createdAt) / 1000);
    },
    taskEnded: (labels) => finished.inc(labels),
    taskCompleted({ task, result, seconds }) {
      const { priority, createdAt, updatedAt: claimedAt, expectedMs } = task;
      const tookSeconds = (claimedAt - createdAt) / 1000 + seconds;
      endToEnd.observe({ priority }, tookSeconds);
      if (expectedMs !== undefined)
        etaError.observe({ priority }, Math.abs(expectedMs / 1000 - tookSeconds) / tookSeconds);
      processing.observe(seconds);
      realTimeFactor.observe(seconds / result.duration);
      audio.inc(result.duration);
      bytes.inc({ format: result.format }, result.bytes);
      for (const [stage, stageSeconds] of Object.entries(result.timings))
        stages.observe({ stage }, stageSeconds);
    },
    attemptFailed: (reason) => failures.inc({ reason }),
    taskRetried: (reason) => retries.inc({ reason }),
    taskReturned: (reason) => requeues.inc({ reason }),
    slotsAvailable: (count) => slots.set(count),
    slotsBusy(count) {
      busy.set(count);
      if (count === 0) rowsNow.set(0);
    },
    watchAttempts(longestSeconds) {
      longestAttemptSeconds = longestSeconds;
    },
    draining: () => drains.set(1),
    watchEngine(engine) {
      engineUp.set(1);
      engine.events.on('engine:exit', () => engineUp.set(0));
      engine.events.on('engine:restarting', () => restarts.inc());
      engine.events.on('engine:ready', () => engineUp.set(1));
      engine.events.on('engine:effort', (effort) => {
        steps.inc(effort.steps);
        columns.inc(effort.columns);
        rows.inc(effort.rows);
        stepSeconds.inc(effort.stepSeconds);
        runSeconds.inc(effort.runSeconds);
        rowsNow.set(effort.rows / effort.steps);
      });
    },
  };
}

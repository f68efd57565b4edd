import {
  type AudioFormat,
  audioFormatNames,
  type ErrorCode,
  isRetryable,
  type Priority,
  priorityNames,
  type TaskResult,
  type TaskStatus,
  taskStages,
} from '@musicgen/contract';
import type { EnginePool } from '@musicgen/engine';
import type { TaskRecord } from '@musicgen/queue';
import { deadLetterReason, type RequeueReason, taskCounters } from '@musicgen/service';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { createEngineMetrics } from './engine-metrics.ts';

/** Everything a worker measures, by what happened. */
export interface WorkerMetrics {
  taskClaimed(task: TaskRecord): void;
  taskEnded(task: { priority: Priority; status: TaskStatus }): void;
  /** A task failed for good; `code` is what its last attempt failed with. */
  deadLettered(code: ErrorCode): void;
  /** With the record as it was claimed, and the format that was asked for. */
  taskCompleted(completed: { task: TaskRecord; result: TaskResult; seconds: number }): void;
  attemptFailed(task: TaskRecord, reason: ErrorCode): void;
  taskRetried(reason: ErrorCode): void;
  taskReturned(reason: RequeueReason): void;
  slotsAvailable(count: number): void;
  slotsBusy(count: number): void;
  /** Told how to find out how long the longest running attempt has run, in seconds; 0 without any. */
  watchAttempts(longestSeconds: () => number): void;
  draining(): void;
  watchEngine(engine: EnginePool): void;
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

/** Of failures: whatever a task asks for that this worker does not have. */
const otherModel = 'other';

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

  const tasks = taskCounters(registry);
  const failures = counter('musicgen_task_failures_total', 'Attempts that failed.', ['model', 'reason']);
  const retries = counter('musicgen_task_retries_total', 'Failed attempts that will be repeated.', [
    'reason',
  ]);
  const audio = counter('musicgen_audio_generated_seconds_total', 'Seconds of audio of completed tasks.', [
    'model',
  ]);
  const bytes = counter('musicgen_result_bytes_total', 'Bytes of stored audio.', ['format']);
  const queueWait = histogram(
    'musicgen_task_queue_wait_seconds',
    'From submission to the first claim.',
    ['priority'],
    queueWaitBuckets,
  );
  const processing = histogram(
    'musicgen_task_processing_duration_seconds',
    'From the claim to the completion of an attempt.',
    ['model'],
    processingBuckets,
  );
  const stages = histogram(
    'musicgen_task_stage_duration_seconds',
    'Time in one stage.',
    ['stage', 'model'],
    stageBuckets,
  );
  const realTimeFactor = histogram(
    'musicgen_task_real_time_factor_ratio',
    'Seconds of processing for one second of audio.',
    ['model'],
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
  const encoding = histogram(
    'musicgen_audio_encode_duration_seconds',
    'Making the files of a piece, tags and loudness included, by the format that was asked for.',
    ['format'],
    [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  );
  const lastCompletion = gauge(
    'musicgen_worker_last_completion_timestamp_seconds',
    'When this worker last completed a task; 0 before the first.',
  );
  /** The default one first. */
  let models: string[] = [];
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
  const drains = gauge('musicgen_worker_draining', '1 while the worker shuts down.');
  const engineMetrics = createEngineMetrics(registry);

  for (const priority of priorityNames) {
    for (const measured of [queueWait, endToEnd, etaError]) measured.zero({ priority });
  }
  for (const reason of failureReasons) {
    failures.inc({ model: otherModel, reason }, 0);
    if (isRetryable(reason)) retries.inc({ reason }, 0);
  }
  bytes.inc({ format: 'wav' }, 0);
  for (const format of audioFormatNames) encoding.zero({ format });

  return {
    taskClaimed({ priority, attempt, createdAt, startedAt }) {
      if (attempt === 1 && startedAt !== undefined)
        queueWait.observe({ priority }, (startedAt - createdAt) / 1000);
    },
    taskEnded: tasks.ended,
    deadLettered: (code) => tasks.deadLettered(deadLetterReason(code)),
    taskCompleted({ task, result, seconds }) {
      const { priority, createdAt, updatedAt: claimedAt, expectedMs } = task;
      const tookSeconds = (claimedAt - createdAt) / 1000 + seconds;
      endToEnd.observe({ priority }, tookSeconds);
      if (expectedMs !== undefined)
        etaError.observe({ priority }, Math.abs(expectedMs / 1000 - tookSeconds) / tookSeconds);
      const { model } = result;
      processing.observe({ model }, seconds);
      realTimeFactor.observe({ model }, seconds / result.duration);
      audio.inc({ model }, result.duration);
      lastCompletion.setToCurrentTime();
      bytes.inc({ format: result.format }, result.bytes);
      for (const [stage, stageSeconds] of Object.entries(result.timings))
        stages.observe({ stage, model }, stageSeconds);
      encoding.observe({ format: formatOf(task) }, result.timings.encoding_audio ?? 0);
    },
    attemptFailed({ request }, reason) {
      const wanted = request.model ?? models[0];
      failures.inc({ model: models.find((model) => model === wanted) ?? otherModel, reason });
    },
    taskRetried: (reason) => retries.inc({ reason }),
    taskReturned: tasks.returned,
    slotsAvailable: (count) => slots.set(count),
    slotsBusy(count) {
      busy.set(count);
      if (count === 0) engineMetrics.rest();
    },
    watchAttempts(longestSeconds) {
      longestAttemptSeconds = longestSeconds;
    },
    draining: () => drains.set(1),
    watchEngine(engine) {
      engineMetrics.watch(engine);
      // Every series of a model is there from the start, so that rates work from its first task on.
      models = engine.models.map(({ info }) => info.name);
      for (const model of models) {
        for (const measured of [processing, realTimeFactor]) measured.zero({ model });
        for (const stage of taskStages) stages.zero({ stage, model });
        for (const reason of failureReasons) failures.inc({ model, reason }, 0);
        audio.inc({ model }, 0);
      }
    },
  };
}

function formatOf({ request }: TaskRecord): AudioFormat {
  return audioFormatNames.find((format) => format === request.format) ?? 'wav';
}

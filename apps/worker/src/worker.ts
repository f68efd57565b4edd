import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { isRetryable, type ServiceError, toServiceError } from '@musicgen/contract';
import type { Engine, EnginePool } from '@musicgen/engine';
import { type Claim, every, type HeartbeatAnswer, type TaskConsumer } from '@musicgen/queue';
import { type Logger, noTracer, type SpanOutcome, type Tracer } from '@musicgen/service';
import type { ArtifactStore } from '@musicgen/storage';
import { type Attempt, createAttempt } from './attempt.ts';
import type { FindResult } from './continuation.ts';
import { createFinishingTime, type FinishingTime } from './finishing-time.ts';
import { generatePiece } from './generate-piece.ts';
import type { WorkerMetrics } from './metrics.ts';
import { traceAttempt } from './trace-attempt.ts';

export interface WorkerOptions {
  consumer: TaskConsumer;
  engine: EnginePool;
  store: ArtifactStore;
  /** Of earlier tasks, to go on from. */
  findResult: FindResult;
  metrics: WorkerMetrics;
  /** Default: none. */
  tracer?: Tracer;
  logger: Logger;
  /** What the tags of a file name as its maker: `musicgen-service 0.1.0`. */
  software: string;
  /** Tasks worked on at once. */
  slots: number;
  /** How long `drain` lets running tasks go on. */
  graceMs: number;
  /** How long `drain` waits beyond the grace for Redis to take what has ended. Default 5 s. */
  recordWithinMs?: number;
}

export interface Worker {
  /**
   * Stops claiming, finishes what fits into the grace, hands the rest back; resolves when nothing runs any more. Where
   * Redis does not answer it gives up soon after the grace: those leases lapse, and the tasks are claimed again.
   */
  drain(): Promise<void>;
}

/** Renewing every 10 s leaves room for two lost heartbeats within a lease of 30 s. */
const heartbeatMs = 10_000;
/** How soon clients see progress. */
const progressMs = 500;
/** How long an idle worker waits on the queue's bells before it looks by itself. */
const idleMs = 10_000;
const afterErrorMs = 1_000;

/**
 * Claims tasks and works on them until drained.
 *
 *     claim ─► generate ─┬─► complete
 *                        ├─► fail               the engine or the store gave a reason
 *                        ├─► acknowledgeCancel  a heartbeat answered `cancel`
 *                        ├─► handBack           shutdown, and it does not fit into the grace; or a heartbeat answered
 *                        │                      `yield`: a CRITICAL task is to have the slot
 *                        └─► nothing            a heartbeat answered `lost`: another attempt owns the task
 */
export function startWorker(options: WorkerOptions): Worker {
  const { consumer, engine, metrics, logger } = options;
  const attempts = new Map<Attempt, Promise<void>>();
  const finishing = createFinishingTime();
  const stopping = new AbortController();
  metrics.slotsAvailable(options.slots);
  metrics.watchAttempts(() => Math.max(0, ...[...attempts.keys()].map((attempt) => attempt.runSeconds())));

  const heart = startHeartbeats({ attempts, options });
  const stopListening = consumer.onCancelRequested((taskId) => {
    for (const attempt of attempts.keys()) if (attempt.claim.task.id === taskId) attempt.stop('cancel');
  });
  const claiming = claimUntil(stopping.signal);

  async function claimUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await takeNext(signal).catch(async (error: unknown) => {
        logger.error('claiming failed', { error });
        await delay(afterErrorMs, undefined, { signal }).catch(() => {});
      });
    }
  }

  async function takeNext(signal: AbortSignal): Promise<void> {
    // Beside a task that is worked on alone, another would only wait, when another worker could have it.
    const isFull = attempts.size >= options.slots || [...attempts.keys()].some(({ isAlone }) => isAlone);
    if (isFull) return void (await Promise.race(attempts.values()));
    // What it would claim now could only fail.
    if (engine.state !== 'ready') return untilReady(engine, signal);
    const claim = await consumer.claim();
    if (claim) begin(claim);
    else await consumer.waitForTask(idleMs, signal);
  }

  async function endAll(deadline: number): Promise<void> {
    await Promise.all([claiming, finishWhatFits({ attempts, deadline })]);
    // A claim may have been on its way when the signal came.
    await finishWhatFits({ attempts, deadline });
    await heart.stop();
  }

  function begin(claim: Claim): void {
    const attempt = createAttempt(claim, finishing);
    metrics.taskClaimed(claim.task);
    const ended = runAttempt(attempt, options, finishing).finally(() => {
      attempts.delete(attempt);
      metrics.slotsBusy(attempts.size);
    });
    attempts.set(attempt, ended);
    metrics.slotsBusy(attempts.size);
  }

  return {
    async drain() {
      metrics.draining();
      stopping.abort();
      const { graceMs, recordWithinMs = 5_000 } = options;
      const ended = endAll(Date.now() + graceMs).then(() => true);
      const inTime = await Promise.race([ended, delay(graceMs + recordWithinMs, false, { ref: false })]);
      stopListening();
      if (!inTime)
        logger.warn('Redis does not answer: what runs here is left to its lease', { tasks: attempts.size });
    },
  };
}

async function untilReady(engine: Engine, signal: AbortSignal): Promise<void> {
  await once(engine.events, 'engine:ready', { signal }).catch(() => {});
}

type Attempts = Map<Attempt, Promise<void>>;

/** One attempt from the claim to its end; never rejects. */
async function runAttempt(attempt: Attempt, options: WorkerOptions, finishing: FinishingTime): Promise<void> {
  const { consumer, engine, store, software, metrics } = options;
  const { claim } = attempt;
  const { id, priority, requestId } = claim.task;
  const trace = traceAttempt(options.tracer ?? noTracer, claim.task);
  const logger = options.logger.child({
    task_id: id,
    request_id: requestId,
    trace_id: trace.traceId,
    attempt: claim.task.attempt,
  });
  const startedAt = performance.now();
  logger.info('task claimed', { priority, resumed: claim.checkpoint !== undefined });
  try {
    const result = await generatePiece({
      claim,
      engine,
      store,
      software,
      signal: attempt.signal,
      findResult: options.findResult,
      company: attempt.isAlone ? 'alone' : 'any',
      onStage(stage) {
        trace.enter(stage);
        attempt.report({ stage });
      },
      onProgress({ stage, frame, frames, checkpoint }) {
        trace.enter(stage);
        attempt.report({ stage, progress: { frame, frames }, checkpoint });
      },
      onPreviewError: (error) => logger.warn('the preview could not be stored', { error }),
    });
    finishing.observe(result);
    const seconds = (performance.now() - startedAt) / 1000;
    const outcome = await consumer.complete(claim, result);
    trace.end({ attributes: { 'musicgen.outcome': outcome, 'musicgen.model': result.model } });
    logger.info('task ended', { priority, outcome, seconds, audio_seconds: result.duration });
    if (outcome === 'lost') return metrics.taskReturned('lost');
    metrics.taskCompleted({ task: claim.task, result, seconds });
    metrics.taskEnded({ priority, status: 'completed' });
  } catch (thrown) {
    const error = toServiceError(thrown);
    trace.end(endOf(attempt.stopReason(), error));
    await endUnfinished({ attempt, error, options, logger }).catch((error: unknown) => {
      // The lease lapses then, and the task is claimed again.
      logger.error('the end of an attempt could not be recorded', { error });
    });
  }
}

/** That an attempt was stopped is no failure. */
function endOf(stopped: string | undefined, { code }: ServiceError): SpanOutcome {
  return stopped === undefined ? { failure: code } : { attributes: { 'musicgen.outcome': stopped } };
}

interface UnfinishedOptions {
  attempt: Attempt;
  error: ServiceError;
  options: WorkerOptions;
  logger: Logger;
}

async function endUnfinished({ attempt, error, options: { consumer, metrics }, logger }: UnfinishedOptions) {
  const { claim } = attempt;
  const { priority } = claim.task;
  const reason = attempt.stopReason();
  switch (reason) {
    case 'lost':
      metrics.taskReturned('lost');
      return logger.info('task lost: another attempt owns it');
    case 'yield':
    case 'drain':
      metrics.taskReturned(reason === 'yield' ? 'preempted' : 'worker_shutdown');
      return logger.info('task handed back', {
        reason,
        outcome: await consumer.handBack(claim, attempt.checkpoint()),
      });
    case 'cancel': {
      const outcome = await consumer.acknowledgeCancel(claim);
      return logger.info('task ended', { priority, outcome });
    }
    case undefined: {
      const { code, message: detail } = error;
      metrics.attemptFailed(claim.task, code);
      const outcome = await consumer.fail(claim, { code, detail, retryable: isRetryable(code) });
      if (outcome === 'retrying') metrics.taskRetried(code);
      if (outcome === 'failed') {
        metrics.taskEnded({ priority, status: outcome });
        if (claim.task.attempt >= claim.task.maxAttempts) metrics.deadLettered(code);
      }
      return logger.warn('attempt failed', { priority, outcome, reason: code, error });
    }
    default:
      reason satisfies never;
  }
}

/** One call for all held tasks: when one has news, and often enough to keep the leases. */
function startHeartbeats({
  attempts,
  options: { consumer, logger, slots },
}: {
  attempts: Attempts;
  options: WorkerOptions;
}) {
  let lastBeatAt = 0;
  return every({
    intervalMs: progressMs,
    async run() {
      const held = [...attempts.keys()].filter((attempt) => attempt.stopReason() !== 'lost');
      const due = Date.now() - lastBeatAt >= heartbeatMs || held.some((attempt) => attempt.hasNews());
      if (held.length === 0 || !due) return;
      lastBeatAt = Date.now();
      const beats = held.map((attempt) => attempt.beat());
      const answers = await consumer.heartbeat(beats, attempts.size >= slots ? 'full' : 'free');
      for (const [index, attempt] of held.entries()) heed(attempt, answers[index]);
    },
    onError: (error) => logger.warn('heartbeat failed', { error }),
  });
}

function heed(attempt: Attempt, answer: HeartbeatAnswer | undefined): void {
  if (answer !== undefined && answer !== 'ok') attempt.stop(answer);
}

/** Waits for running tasks, but hands back at once what will not be done in time by its own measured speed. */
async function finishWhatFits({
  attempts,
  deadline,
}: {
  attempts: Attempts;
  deadline: number;
}): Promise<void> {
  while (attempts.size > 0) {
    const leftMs = deadline - Date.now();
    for (const attempt of attempts.keys()) {
      if (leftMs <= 0 || (attempt.remainingMs() ?? 0) > leftMs) attempt.stop('drain');
    }
    await Promise.race([...attempts.values(), delay(100)]);
  }
}

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { taskResultSchema } from '@musicgen/contract';
import { type EnginePool, startEnginePool } from '@musicgen/engine';
import { every, type TaskQueue } from '@musicgen/queue';
import { keepTrying, type Logger, type Releasers, type Tracer } from '@musicgen/service';
import { type ArtifactStore, taskKey } from '@musicgen/storage';
import type { Registry } from 'prom-client';
import type { WorkerConfig } from './config.ts';
import { describeWorker } from './description.ts';
import { createWorkerMetrics, type WorkerMetrics } from './metrics.ts';
import { modelFolders } from './model-folders.ts';
import { startWorker } from './worker.ts';

/** How often the registry learns the measured speed. */
const describeEveryMs = 30_000;

export interface WorkerParts {
  config: Omit<WorkerConfig, 'REDIS_URL' | 'ARTIFACT_URL'>;
  /** Prepared. */
  queue: TaskQueue;
  store: ArtifactStore;
  registry: Registry;
  tracer?: Tracer;
  logger: Logger;
  releasers: Releasers;
  closing: AbortSignal;
  version: string;
  /** Told why no task can be worked on, and, with undefined, that one can again. */
  onModelProblem: (problem: string | undefined) => void;
  /** An operator asked this worker to drain. */
  onDrain: () => void;
}

/** Loads the models and works on tasks until the process closes; resolves once the first task may be claimed. */
export async function serveWorker(parts: WorkerParts): Promise<void> {
  const { config, queue, store, registry, logger, releasers } = parts;
  const metrics = createWorkerMetrics(registry);
  const engine = await openEngine(parts, metrics);
  if (engine === undefined) return;

  const maintenance = queue.startMaintenance({
    stallTimeoutMs: config.TASK_STALL_TIMEOUT * 1000,
    reconcileIntervalMs: config.TASK_CLEANUP_INTERVAL * 1000,
    removeArtifacts: (taskId) => store.remove(taskKey(taskId)),
  });
  releasers.add('maintenance', () => maintenance.stop());

  const workerId = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const consumer = queue.createConsumer({
    workerId,
    priorities: config.WORKER_PRIORITIES,
    ageingMs: config.QUEUE_AGEING_SECONDS * 1000,
  });
  releasers.add('consumer', () => consumer.close());
  consumer.onDrainRequested(() => {
    logger.info('an operator asked this worker to drain');
    parts.onDrain();
  });
  // Before the first claim, so that a worker which dies with a task has been in the registry.
  const describe = () => consumer.describe(describeWorker(engine, config.WORKER_PRIORITIES));
  await describe();
  const describing = every({
    intervalMs: describeEveryMs,
    run: describe,
    onError: (error) => logger.debug('the registry was not reached', { error }),
  });
  releasers.add('description', () => describing.stop());

  const producer = queue.createProducer();
  const worker = startWorker({
    consumer,
    engine,
    store,
    findResult: async (taskId) => taskResultSchema.safeParse((await producer.get(taskId))?.result).data,
    metrics,
    ...(parts.tracer && { tracer: parts.tracer }),
    logger,
    software: `musicgen-service ${parts.version}`,
    slots: engine.slots,
    graceMs: config.WORKER_SHUTDOWN_GRACE_SECONDS * 1000,
  });
  releasers.add('worker', () => worker.drain());
  const { slots } = engine;
  const models = engine.models.map(({ info: { name, licence, notice } }) => ({ name, licence, notice }));
  logger.info('ready', { worker: workerId, models, slots, priorities: config.WORKER_PRIORITIES });
}

/** The engine once it has loaded its model, however often that takes; nothing when the process closes before. */
async function openEngine(parts: WorkerParts, metrics: WorkerMetrics): Promise<EnginePool | undefined> {
  const { config, logger, releasers, closing, onModelProblem } = parts;
  const engine = await keepTrying<EnginePool>({
    attempt: async () =>
      startEnginePool({
        modelFolders: await modelFolders(config),
        memoryBytes: config.ENGINE_MEMORY_MB * 2 ** 20,
        providers: config.ORT_EXECUTION_PROVIDERS,
        threads: config.ENGINE_THREADS,
        maxBatch: config.ENGINE_MAX_BATCH,
        logger,
      }),
    failure: 'model not loaded',
    logger,
    onFailure: onModelProblem,
    signal: closing,
  });
  if (engine === undefined) return undefined;
  if (closing.aborted) {
    await engine.close();
    return undefined;
  }
  releasers.add('engine', () => engine.close());
  metrics.watchEngine(engine);
  engine.events.on('engine:exit', () => onModelProblem('The engine is being restarted.'));
  engine.events.on('engine:load-failed', ({ error }) => {
    onModelProblem(error.message);
    logger.error('model not loaded', { reason: error.code, detail: error.message });
  });
  engine.events.on('engine:ready', () => onModelProblem(undefined));
  onModelProblem(undefined);
  return engine;
}

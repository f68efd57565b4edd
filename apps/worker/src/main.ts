import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { taskResultSchema } from '@musicgen/contract';
import { type EnginePool, startEnginePool } from '@musicgen/engine';
import { createStreamsQueue, every, patientRedisOptions } from '@musicgen/queue';
import {
  createLogger,
  createRegistry,
  keepTrying,
  logEvents,
  logRedisConnection,
  readVersion,
  redisProblem,
  runProcess,
  startHealthServer,
} from '@musicgen/service';
import { openArtifactStore, taskKey } from '@musicgen/storage';
import { Redis } from 'ioredis';
import { loadWorkerConfig } from './config.ts';
import { describeWorker } from './description.ts';
import { createWorkerMetrics } from './metrics.ts';
import { modelFolders } from './model-folders.ts';
import { startWorker } from './worker.ts';

/** What closing needs beyond the grace for running tasks. */
const closeMarginMs = 10_000;
/** How often the registry learns the measured speed. */
const describeEveryMs = 30_000;

await runProcess({
  loadConfig: loadWorkerConfig,
  createLogger: ({ LOG_LEVEL }) => createLogger({ service: 'worker', level: LOG_LEVEL }),
  closeWithinMs: ({ WORKER_SHUTDOWN_GRACE_SECONDS }) => WORKER_SHUTDOWN_GRACE_SECONDS * 1000 + closeMarginMs,
  async open({ config, logger, releasers, closing, close }) {
    const version = readVersion(new URL('../package.json', import.meta.url));
    const registry = createRegistry({ role: 'worker', version });
    const metrics = createWorkerMetrics(registry);
    const store = openArtifactStore(config.ARTIFACT_URL, config);

    const redis = new Redis(config.REDIS_URL, { ...patientRedisOptions, connectionName: 'musicgen-worker' });
    releasers.add('Redis', () => redis.disconnect());
    logRedisConnection(redis, logger);

    let queueProblem: string | undefined = 'The queue is not set up yet.';
    let modelProblem: string | undefined = 'The model is being loaded.';
    const health = await startHealthServer({
      host: config.WORKER_HEALTH_HOST,
      port: config.WORKER_HEALTH_PORT,
      registry,
      async notReadyBecause() {
        if (closing.aborted) return ['The worker is shutting down.'];
        const problems = [queueProblem ?? (await redisProblem(redis)), modelProblem];
        return problems.filter((problem) => problem !== undefined);
      },
    });
    releasers.add('health server', () => health.close());
    logger.info('listening', { port: health.port });

    const queue = createStreamsQueue({ redis, prefix: config.TASK_KEY_PREFIX });
    logEvents(
      queue.events,
      {
        'redis:warning': 'warn',
        'lease:lapsed': 'warn',
        'entry:discarded': 'warn',
        'connection:replaced': 'debug',
        'duty:failed': 'warn',
      },
      logger,
    );
    await keepTrying({
      attempt: () => queue.prepare(),
      failure: 'the queue cannot be set up yet',
      logger,
      onFailure: (problem) => {
        queueProblem = problem;
      },
      signal: closing,
    });
    queueProblem = undefined;

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
      onFailure: (problem) => {
        modelProblem = problem;
      },
      signal: closing,
    });
    if (engine === undefined) return;
    if (closing.aborted) return engine.close();
    releasers.add('engine', () => engine.close());
    metrics.watchEngine(engine);
    engine.events.on('engine:exit', () => {
      modelProblem = 'The engine is being restarted.';
    });
    engine.events.on('engine:load-failed', ({ error }) => {
      modelProblem = error.message;
      logger.error('model not loaded', { reason: error.code, detail: error.message });
    });
    engine.events.on('engine:ready', () => {
      modelProblem = undefined;
    });
    modelProblem = undefined;

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
      close();
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
      logger,
      software: `musicgen-service ${version}`,
      slots: engine.slots,
      graceMs: config.WORKER_SHUTDOWN_GRACE_SECONDS * 1000,
    });
    releasers.add('worker', () => worker.drain());
    const { slots } = engine;
    const models = engine.models.map(({ info: { name, licence, notice } }) => ({ name, licence, notice }));
    logger.info('ready', { worker: workerId, models, slots, priorities: config.WORKER_PRIORITIES });
  },
});

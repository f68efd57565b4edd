import { onnxRuntimeVersion } from '@musicgen/engine';
import { createStreamsQueue, patientRedisOptions } from '@musicgen/queue';
import {
  countTaskEnds,
  createLogger,
  createRegistry,
  keepTrying,
  logEvents,
  logRedisConnection,
  observeRedis,
  ofFleet,
  openRedis,
  openTracer,
  readVersion,
  redisProblem,
  runProcess,
  startHealthServer,
} from '@musicgen/service';
import { openArtifactStore } from '@musicgen/storage';
import { loadWorkerConfig } from './config.ts';
import { serveWorker } from './serve-worker.ts';

/** What closing needs beyond the grace for running tasks. */
const closeMarginMs = 10_000;

await runProcess({
  loadConfig: () => ofFleet(loadWorkerConfig()),
  createLogger: ({ LOG_LEVEL }) => createLogger({ service: 'worker', level: LOG_LEVEL }),
  closeWithinMs: ({ WORKER_SHUTDOWN_GRACE_SECONDS }) => WORKER_SHUTDOWN_GRACE_SECONDS * 1000 + closeMarginMs,
  async open({ config, logger, releasers, closing, close }) {
    const version = readVersion(new URL('../package.json', import.meta.url));
    const registry = createRegistry({ role: 'worker', version, ort: onnxRuntimeVersion });

    const redis = openRedis(config, { ...patientRedisOptions, connectionName: 'musicgen-worker' });
    releasers.add('Redis', () => redis.disconnect());
    logRedisConnection(redis, logger);
    observeRedis(registry, redis);

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
    countTaskEnds(registry, queue.events);
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

    const tracer = await openTracer({
      endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
      serviceName: 'musicgen-worker',
      version,
      logger,
      releasers,
    });
    await serveWorker({
      config,
      queue,
      store: openArtifactStore(config.ARTIFACT_URL, config),
      registry,
      tracer,
      logger,
      releasers,
      closing,
      version,
      onModelProblem: (problem) => {
        modelProblem = problem;
      },
      onDrain: close,
    });
  },
});

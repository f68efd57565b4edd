import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createStreamsQueue, failFastRedisOptions } from '@musicgen/queue';
import {
  createLogger,
  createRegistry,
  keepTrying,
  logEvents,
  logRedisConnection,
  readVersion,
  redisProblem,
  runProcess,
} from '@musicgen/service';
import { openArtifactStore, taskKey } from '@musicgen/storage';
import { Redis } from 'ioredis';
import { createApp } from './app.ts';
import { loadApiConfig } from './config.ts';
import { createEstimator } from './estimate/estimator.ts';
import { createApiMetrics } from './metrics.ts';

/** Answers in flight get this long after SIGTERM. */
const closeWithinMs = 10_000;

await runProcess({
  loadConfig: loadApiConfig,
  createLogger: ({ LOG_LEVEL }) => createLogger({ service: 'api', level: LOG_LEVEL }),
  closeWithinMs: () => closeWithinMs,
  async open({ config, logger, releasers, closing }) {
    const version = readVersion(new URL('../package.json', import.meta.url));
    const registry = createRegistry({ role: 'api', version });
    const store = openArtifactStore(config.ARTIFACT_URL);

    const redis = new Redis(config.REDIS_URL, {
      ...failFastRedisOptions,
      connectionName: 'musicgen-api',
      lazyConnect: true,
    });
    releasers.add('Redis', () => redis.disconnect());
    logRedisConnection(redis, logger);
    const queue = createStreamsQueue({ redis, prefix: config.TASK_KEY_PREFIX });
    logEvents(
      queue.events,
      { 'redis:warning': 'warn', 'lease:lapsed': 'warn', 'duty:failed': 'warn', 'task:expired': 'info' },
      logger,
    );
    const lifecycle = queue.createLifecycleReader();
    releasers.add('lifecycle reader', () => lifecycle.close());

    let queueProblem: string | undefined = 'The queue is not set up yet.';
    const app = createApp({
      producer: queue.createProducer({ maxLength: config.QUEUE_MAX_LENGTH }),
      lifecycle,
      estimator: createEstimator({ monitor: queue.createMonitor() }),
      store,
      limits: {
        maxDurationSeconds: config.MAX_DURATION_SECONDS,
        defaultTtlSeconds: config.TASK_DEFAULT_TTL,
      },
      maxAttempts: 1 + config.TASK_MAX_RETRIES,
      metrics: createApiMetrics(registry),
      registry,
      logger,
      version,
      closing,
      async notReadyBecause() {
        if (closing.aborted) return ['The service is shutting down.'];
        const problem = queueProblem ?? (await redisProblem(redis));
        return problem === undefined ? [] : [problem];
      },
    });

    const server = app.listen(config.API_PORT, config.API_HOST);
    await once(server, 'listening');
    releasers.add('HTTP server', async () => {
      server.close();
      server.closeIdleConnections();
      await once(server, 'close');
    });
    const { port } = server.address() as AddressInfo;
    logger.info('listening', { url: `http://${config.API_HOST}:${port}`, port });

    // A first command before the first connection would fail at once; that Redis is away is said by its listener.
    await redis.connect().catch(() => {});
    await keepTrying({
      attempt: () => queue.prepare(),
      failure: 'the queue cannot be set up yet',
      logger,
      onFailure: (problem) => {
        queueProblem = problem;
      },
      signal: closing,
    });
    if (closing.aborted) return;
    queueProblem = undefined;
    logger.info('ready');
    const maintenance = queue.startMaintenance({
      stallTimeoutMs: config.TASK_STALL_TIMEOUT * 1000,
      reconcileIntervalMs: config.TASK_CLEANUP_INTERVAL * 1000,
      removeArtifacts: (taskId) => store.remove(taskKey(taskId)),
    });
    releasers.add('maintenance', () => maintenance.stop());
  },
});

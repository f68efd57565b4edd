import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { toServiceError } from '@musicgen/contract';
import { createStreamsQueue, failFastRedisOptions } from '@musicgen/queue';
import {
  createLogger,
  createRegistry,
  keepTrying,
  logEvents,
  logRedisConnection,
  readVersion,
  redactConfig,
  redisProblem,
  runProcess,
} from '@musicgen/service';
import { openArtifactStore, taskKey } from '@musicgen/storage';
import { createDeliveries, createTargetPolicy, type WebhookEventMap } from '@musicgen/webhooks';
import { Redis } from 'ioredis';
import { createAccess } from './access.ts';
import { createApp } from './app.ts';
import { createCleanUp } from './clean-up.ts';
import { loadApiConfig } from './config.ts';
import { createEstimator } from './estimate/estimator.ts';
import { createHttpServer } from './http-server.ts';
import { createApiMetrics } from './metrics.ts';
import { observeQueue } from './queue-metrics.ts';
import { startWebhookDuties } from './webhook-duties.ts';
import { observeWebhooks } from './webhook-metrics.ts';

/** Answers in flight get this long after SIGTERM. */
const closeWithinMs = 10_000;

await runProcess({
  loadConfig: loadApiConfig,
  createLogger: ({ LOG_LEVEL }) => createLogger({ service: 'api', level: LOG_LEVEL }),
  closeWithinMs: () => closeWithinMs,
  async open({ config, logger, releasers, closing }) {
    const version = readVersion(new URL('../package.json', import.meta.url));
    const registry = createRegistry({ role: 'api', version });
    const store = openArtifactStore(config.ARTIFACT_URL, config);

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

    const producer = queue.createProducer({ maxLength: config.QUEUE_MAX_LENGTH });
    const deliveries = createDeliveries({ redis, prefix: config.TASK_KEY_PREFIX });
    const policy = createTargetPolicy({
      allowHttp: config.WEBHOOK_ALLOW_HTTP,
      allowedNetworks: config.WEBHOOK_ALLOWED_NETWORKS,
    });
    const webhookEvents = new EventEmitter<WebhookEventMap>();
    observeWebhooks(registry, { events: webhookEvents, deliveries });
    logEvents(
      webhookEvents,
      {
        'webhook:delivered': 'info',
        'webhook:retrying': 'info',
        'webhook:dead': 'warn',
        'webhook:lost': 'info',
        'webhook:unsettled': 'warn',
        'webhook:unreadable': 'warn',
      },
      logger,
    );
    if (config.keys === undefined) {
      logger.warn('no API keys: whoever reaches this address may do everything', { host: config.API_HOST });
    }

    const monitor = queue.createMonitor();
    const estimator = createEstimator({ monitor });
    observeQueue(registry, { monitor, estimator, capacity: config.QUEUE_MAX_LENGTH });
    const recovery = { stallTimeoutMs: config.TASK_STALL_TIMEOUT * 1000 };
    const removeArtifacts = (taskId: string) => store.remove(taskKey(taskId));
    let queueProblem: string | undefined = 'The queue is not set up yet.';
    const app = createApp({
      producer,
      lifecycle,
      monitor,
      admin: queue.createAdmin(),
      estimator,
      cleanUp: createCleanUp({
        recoverer: queue.createRecoverer(recovery),
        janitor: queue.createJanitor({ removeArtifacts }),
      }),
      queueMaxLength: config.QUEUE_MAX_LENGTH,
      stallTimeoutSeconds: config.TASK_STALL_TIMEOUT,
      autoscaling: { targetWaitSeconds: config.AUTOSCALE_TARGET_WAIT_SECONDS },
      effectiveConfig: redactConfig(config),
      store,
      limits: {
        maxDurationSeconds: config.MAX_DURATION_SECONDS,
        defaultTtlSeconds: config.TASK_DEFAULT_TTL,
      },
      maxAttempts: 1 + config.TASK_MAX_RETRIES,
      access: createAccess(config, redis),
      webhooks: { deliveries, policy, hasSecret: config.WEBHOOK_SECRET !== undefined },
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

    const server = createHttpServer(app).listen(config.API_PORT, config.API_HOST);
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
      ...recovery,
      reconcileIntervalMs: config.TASK_CLEANUP_INTERVAL * 1000,
      removeArtifacts,
    });
    releasers.add('maintenance', () => maintenance.stop());
    const webhookDuties = startWebhookDuties({
      outbox: queue.createOutboxReader({ consumerName: `api-${randomUUID()}` }),
      producer,
      estimator,
      deliveries,
      policy,
      events: webhookEvents,
      secret: config.WEBHOOK_SECRET,
      onError: (error) => logger.warn('webhooks wait', { detail: toServiceError(error).message }),
    });
    releasers.add('webhooks', () => webhookDuties.stop());
  },
});

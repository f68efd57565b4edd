import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { toServiceError } from '@musicgen/contract';
import { every } from '@musicgen/queue';
import {
  countTaskEnds,
  keepTrying,
  type Logger,
  logEvents,
  type Releasers,
  redactConfig,
  type Tracer,
} from '@musicgen/service';
import { type ArtifactStore, taskKey } from '@musicgen/storage';
import { createTargetPolicy, type WebhookEventMap } from '@musicgen/webhooks';
import type { Registry } from 'prom-client';
import { createAccess } from './access.ts';
import { createApp } from './app.ts';
import type { Backend } from './backend.ts';
import { createCleanUp } from './clean-up.ts';
import type { ApiConfig } from './config.ts';
import { createEstimator } from './estimate/estimator.ts';
import { createHttpServer } from './http-server.ts';
import { createMemoryReserve } from './memory-reserve.ts';
import { createApiMetrics } from './metrics.ts';
import { observeQueue } from './queue-metrics.ts';
import { removeExpiredUploads } from './uploads.ts';
import { startWebhookDuties } from './webhook-duties.ts';
import { observeWebhooks } from './webhook-metrics.ts';

export interface ApiParts {
  config: Omit<ApiConfig, 'REDIS_URL' | 'ARTIFACT_URL'>;
  backend: Backend;
  store: ArtifactStore;
  registry: Registry;
  tracer?: Tracer;
  logger: Logger;
  releasers: Releasers;
  closing: AbortSignal;
  version: string;
  /** What else the process has to be able to do, as reasons why it cannot. */
  otherProblems?: () => string[];
}

/**
 * Serves the HTTP API on a backend, with the duties that belong to it. Listens at once, so that probes are answered
 * while the backend is still away; resolves once tasks are accepted, or the process closes.
 */
export async function serveApi(parts: ApiParts): Promise<void> {
  const { config, backend, store, registry, logger, releasers, closing } = parts;
  const { queue, deliveries } = backend;
  if (config.keys === undefined) {
    logger.warn('no API keys: whoever reaches this address may do everything', { host: config.API_HOST });
  }
  const { webhookEvents, policy } = watchWebhooks(parts);
  const lifecycle = queue.createLifecycleReader();
  releasers.add('lifecycle reader', () => lifecycle.close());
  const producer = queue.createProducer({ maxLength: config.QUEUE_MAX_LENGTH });
  const monitor = queue.createMonitor();
  const estimator = createEstimator({ monitor });
  countTaskEnds(registry, queue.events);
  observeQueue(registry, { monitor, estimator, capacity: config.QUEUE_MAX_LENGTH });
  const recovery = { stallTimeoutMs: config.TASK_STALL_TIMEOUT * 1000 };
  const removeArtifacts = (taskId: string) => store.remove(taskKey(taskId));
  let queueProblem: string | undefined = 'The queue is not set up yet.';

  const app = createApp({
    kind: queue.kind,
    producer,
    lifecycle,
    monitor,
    admin: queue.createAdmin(),
    estimator,
    memory: createMemoryReserve({ monitor }),
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
    uploads: { maxMegabytes: config.UPLOAD_MAX_MB, mostPerOwner: config.UPLOAD_MAX_FILES },
    maxAttempts: 1 + config.TASK_MAX_RETRIES,
    access: createAccess(config, backend.stores),
    webhooks: { deliveries, policy, hasSecret: config.WEBHOOK_SECRET !== undefined },
    metrics: createApiMetrics(registry),
    registry,
    ...(parts.tracer && { tracer: parts.tracer }),
    logger,
    studioFolder: fileURLToPath(new URL('../../studio/dist/page', import.meta.url)),
    version: parts.version,
    closing,
    async notReadyBecause() {
      if (closing.aborted) return ['The service is shutting down.'];
      const problem = queueProblem ?? (await backend.problem());
      return [...(problem === undefined ? [] : [problem]), ...(parts.otherProblems?.() ?? [])];
    },
  });
  tidyUploads(parts);
  await listen(app, parts);

  await backend.connect();
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
}

function tidyUploads({ config, store, logger, releasers }: ApiParts): void {
  const tidying = every({
    intervalMs: config.TASK_CLEANUP_INTERVAL * 1000,
    run: () => removeExpiredUploads(store),
    onError: (error) => logger.warn('uploads not tidied', { error }),
  });
  releasers.add('uploads', () => tidying.stop());
}

async function listen(
  app: ReturnType<typeof createApp>,
  { config, logger, releasers }: Pick<ApiParts, 'config' | 'logger' | 'releasers'>,
): Promise<void> {
  const server = createHttpServer(app).listen(config.API_PORT, config.API_HOST);
  await once(server, 'listening');
  releasers.add('HTTP server', async () => {
    server.close();
    server.closeIdleConnections();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  logger.info('listening', { url: `http://${config.API_HOST}:${port}`, port });
}

/** What becomes of webhooks, as metrics and log lines, and where they may go. */
function watchWebhooks({ config, backend, registry, logger }: ApiParts) {
  const webhookEvents = new EventEmitter<WebhookEventMap>();
  observeWebhooks(registry, { events: webhookEvents, deliveries: backend.deliveries });
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
  const policy = createTargetPolicy({
    allowHttp: config.WEBHOOK_ALLOW_HTTP,
    allowedNetworks: config.WEBHOOK_ALLOWED_NETWORKS,
  });
  return { webhookEvents, policy };
}

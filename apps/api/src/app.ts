import type { CallerLimits, DailyQuota, Keyring, KeyStore, RateLimiter } from '@musicgen/access';
import type { RequestLimits } from '@musicgen/contract';
import type { LifecycleReader, QueueAdmin, QueueKind, QueueMonitor, TaskProducer } from '@musicgen/queue';
import { type HealthOptions, type Logger, noTracer, type Tracer } from '@musicgen/service';
import type { ArtifactStore } from '@musicgen/storage';
import type { Deliveries, TargetPolicy } from '@musicgen/webhooks';
import express, { type Express } from 'express';
import type { CleanUpReport } from './clean-up.ts';
import type { Estimator } from './estimate/estimator.ts';
import { jsonAnswer } from './json-answer.ts';
import type { MemoryReserve } from './memory-reserve.ts';
import type { ApiMetrics } from './metrics.ts';
import { cors } from './middleware/cors.ts';
import { guard } from './middleware/guard.ts';
import { handleError, notFound } from './middleware/handle-error.ts';
import { inOrder } from './middleware/in-order.ts';
import { observeRequests } from './middleware/observe-requests.ts';
import { requestId } from './middleware/request-id.ts';
import { securityHeaders } from './middleware/security-headers.ts';
import { traceRequests } from './middleware/trace-requests.ts';
import type { AutoscaleOptions } from './monitoring/autoscale.ts';
import { mountRoutes } from './openapi/mount.ts';
import type { Route } from './openapi/route.ts';
import { createRenditions } from './renditions.ts';
import { adminRoutes } from './routes/admin.ts';
import { audioRoutes } from './routes/audio.ts';
import { withDocs } from './routes/docs.ts';
import { eventRoutes } from './routes/events.ts';
import { fleetRoutes } from './routes/fleet.ts';
import { generateRoutes } from './routes/generate.ts';
import { healthRoutes } from './routes/health.ts';
import { inspectRoutes } from './routes/inspect.ts';
import { keyRoutes } from './routes/keys.ts';
import { monitoringRoutes } from './routes/monitoring.ts';
import { pictureRoutes } from './routes/pictures.ts';
import { taskRoutes } from './routes/tasks.ts';
import { uploadRoutes } from './routes/uploads.ts';
import { webhookDeliveryRoutes } from './routes/webhook-deliveries.ts';
import { studio } from './studio.ts';

/** Who may call, and how much. */
export interface AccessOptions {
  /** Absent: the service is open to whoever reaches it. */
  keyring: Keyring | undefined;
  keyStore: KeyStore;
  limiter: RateLimiter;
  quota: DailyQuota;
  /** For callers whose key says nothing else; 0: no limit. */
  limits: Required<CallerLimits>;
  areMetricsOpen: boolean;
  corsOrigins: readonly string[];
  /** Whether only this machine reaches the service, under no name but its own. */
  onlyThisMachine: boolean;
  /** What Express is to believe of `X-Forwarded-For`. */
  trustedProxies: number | string[] | false;
}

/** Who is told about tasks. */
export interface WebhookOptions {
  deliveries: Deliveries;
  policy: TargetPolicy;
  /** Whether the service signs what brings no secret of its own. */
  hasSecret: boolean;
}

/** How much audio to go on from is kept. */
export interface UploadOptions {
  maxMegabytes: number;
  /** Files of one owner. */
  mostPerOwner: number;
}

export interface AppOptions extends HealthOptions {
  /** What keeps the tasks. */
  kind: QueueKind;
  producer: TaskProducer;
  lifecycle: LifecycleReader;
  monitor: QueueMonitor;
  admin: QueueAdmin;
  estimator: Estimator;
  memory: MemoryReserve;
  /** Maintenance, at once. */
  cleanUp: (closing: AbortSignal) => Promise<CleanUpReport>;
  store: ArtifactStore;
  limits: RequestLimits;
  uploads: UploadOptions;
  /** Claims a task may be charged: one and its retries. */
  maxAttempts: number;
  access: AccessOptions;
  webhooks: WebhookOptions;
  /** Tasks that may wait. */
  queueMaxLength: number;
  stallTimeoutSeconds: number;
  autoscaling: AutoscaleOptions;
  /** Default: none. */
  tracer?: Tracer;
  /** The settings in force, without secrets. */
  effectiveConfig: Record<string, unknown>;
  metrics: ApiMetrics;
  logger: Logger;
  /** Where the built page for people is; there may be none. */
  studioFolder: string;
  /** Of the service, for the OpenAPI document. */
  version: string;
  /** Aborts when the process shuts down: ends the event streams, so that their clients reconnect elsewhere. */
  closing: AbortSignal;
}

/** The whole HTTP surface; opens nothing and listens nowhere. */
export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.response.json = jsonAnswer;
  app.set('trust proxy', options.access.trustedProxies);
  app.use(
    inOrder(
      requestId(options.logger),
      traceRequests(options.tracer ?? noTracer),
      observeRequests(options.metrics),
      securityHeaders({ contentSecurityPolicy, ...withoutObsolete }),
      cors(options.access.corsOrigins),
    ),
  );
  mountRoutes(app, apiRoutes(options), { before: guard(options) });
  app.use(studio(options.studioFolder));
  app.use(notFound, handleError);
  return app;
}

/** An answer of the API is data: whatever a browser may take it for, it shall load and run nothing. */
const contentSecurityPolicy = {
  useDefaults: false,
  directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
};

/** Headers for browsers and plug-ins that are gone; each costs every answer its bytes. */
const withoutObsolete = {
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
};

/** Every route there is. A new resource is a file in `routes/` and a line here. */
export function apiRoutes(options: AppOptions): Route[] {
  const { producer, store, logger, metrics } = options;
  const renditions = createRenditions({
    store,
    logger,
    isThere: async (taskId) => (await producer.get(taskId)) !== undefined,
    onMade: metrics.renditionMade,
  });
  const routes = [
    ...generateRoutes(options),
    ...taskRoutes(options),
    ...eventRoutes(options),
    ...audioRoutes({ ...options, renditions }),
    ...pictureRoutes({ ...options, renditions }),
    ...inspectRoutes(),
    ...uploadRoutes(options),
    ...fleetRoutes(options),
    ...monitoringRoutes(options),
    ...adminRoutes(options),
    ...healthRoutes(options),
    ...keyRoutes(options),
    ...webhookDeliveryRoutes(options),
  ];
  return withDocs(routes, { version: options.version });
}

import { createStreamsQueue } from '@musicgen/queue';
import {
  createLogger,
  createRegistry,
  logEvents,
  ofFleet,
  openTracer,
  readVersion,
  runProcess,
} from '@musicgen/service';
import { openArtifactStore } from '@musicgen/storage';
import { loadApiConfig } from './config.ts';
import { openRedisBackend } from './redis-backend.ts';
import { serveApi } from './serve-api.ts';

/** Answers in flight get this long after SIGTERM. */
const closeWithinMs = 10_000;

await runProcess({
  loadConfig: () => ofFleet(loadApiConfig()),
  createLogger: ({ LOG_LEVEL }) => createLogger({ service: 'api', level: LOG_LEVEL }),
  closeWithinMs: () => closeWithinMs,
  async open({ config, logger, releasers, closing }) {
    const version = readVersion(new URL('../package.json', import.meta.url));
    const registry = createRegistry({ role: 'api', version });
    const backend = openRedisBackend({
      url: config.REDIS_URL,
      prefix: config.TASK_KEY_PREFIX,
      connectionName: 'musicgen-api',
      createQueue: (redis) => createStreamsQueue({ redis, prefix: config.TASK_KEY_PREFIX }),
      registry,
      logger,
      releasers,
    });
    logEvents(
      backend.queue.events,
      { 'redis:warning': 'warn', 'lease:lapsed': 'warn', 'duty:failed': 'warn', 'task:expired': 'info' },
      logger,
    );
    const tracer = await openTracer({
      endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
      serviceName: 'musicgen-api',
      version,
      logger,
      releasers,
    });
    await serveApi({
      config,
      backend,
      store: openArtifactStore(config.ARTIFACT_URL, config),
      registry,
      tracer,
      logger,
      releasers,
      closing,
      version,
    });
  },
});

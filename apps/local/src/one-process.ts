import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend } from '@musicgen/api/backend';
import { createMemoryBackend } from '@musicgen/api/memory-backend';
import { openRedisBackend } from '@musicgen/api/redis-backend';
import { serveApi } from '@musicgen/api/serve';
import { onnxRuntimeVersion } from '@musicgen/engine';
import { createBasicQueue } from '@musicgen/queue';
import {
  createLogger,
  createRegistry,
  type Logger,
  logEvents,
  openTracer,
  type Releasers,
  readVersion,
  runProcess,
} from '@musicgen/service';
import { openArtifactStore } from '@musicgen/storage';
import { serveWorker } from '@musicgen/worker/serve';
import type { Registry } from 'prom-client';
import { loadOneProcessConfig, type OneProcessConfig } from './one-process-config.ts';

/** What closing needs beyond the grace for running tasks. */
const closeMarginMs = 10_000;

interface Parts {
  config: OneProcessConfig;
  registry: Registry;
  logger: Logger;
  releasers: Releasers;
  close: () => void;
}

// API and worker in one process: on basic Redis where REDIS_URL is set, else in memory.
await runProcess({
  loadConfig: () => loadOneProcessConfig(),
  createLogger: ({ LOG_LEVEL }) => createLogger({ service: 'api', level: LOG_LEVEL }),
  closeWithinMs: ({ WORKER_SHUTDOWN_GRACE_SECONDS }) => WORKER_SHUTDOWN_GRACE_SECONDS * 1000 + closeMarginMs,
  async open({ config, logger, releasers, closing, close }) {
    const version = readVersion(new URL('../package.json', import.meta.url));
    const registry = createRegistry({ role: 'local', version, ort: onnxRuntimeVersion });
    const store = openArtifactStore(config.ARTIFACT_URL ?? (await temporaryFolder(releasers)), config);
    const backend = openBackend({ config, registry, logger, releasers, close });
    const { queue } = backend;
    logEvents(
      queue.events,
      {
        'redis:warning': 'warn',
        'lease:lapsed': 'warn',
        'duty:failed': 'warn',
        'entry:discarded': 'warn',
        'task:expired': 'info',
      },
      logger,
    );
    let modelProblem: string | undefined = 'The model is being loaded.';
    const tracer = await openTracer({
      endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
      serviceName: 'musicgen',
      version,
      logger,
      releasers,
    });
    const parts = { config, store, registry, tracer, releasers, closing, version };
    await serveApi({
      ...parts,
      backend,
      logger,
      otherProblems: () => (modelProblem === undefined ? [] : [modelProblem]),
    });
    if (closing.aborted) return;
    await serveWorker({
      ...parts,
      queue,
      logger: createLogger({ service: 'worker', level: config.LOG_LEVEL }),
      onModelProblem: (problem) => {
        modelProblem = problem;
      },
      onDrain: close,
    });
  },
});

function openBackend({ config, registry, logger, releasers, close }: Parts): Backend {
  const { REDIS_URL: url, TASK_KEY_PREFIX: prefix } = config;
  if (url === undefined) {
    logger.warn('no REDIS_URL: tasks are kept in memory, and are gone with this process');
    return createMemoryBackend();
  }
  return openRedisBackend({
    url,
    prefix,
    connectionName: 'musicgen',
    createQueue(redis) {
      const queue = createBasicQueue({
        redis,
        prefix,
        onTakenOver(error) {
          logger.error('this process must not go on', { reason: error.code, detail: error.message });
          close();
        },
      });
      releasers.add('queue', () => queue.close());
      return queue;
    },
    registry,
    logger,
    releasers,
  });
}

/** Audio of tasks that are kept nowhere is worth nothing without them. */
async function temporaryFolder(releasers: Releasers): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-'));
  releasers.add('audio', () => rm(folder, { recursive: true, force: true }));
  return `file://${folder}`;
}

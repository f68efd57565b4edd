import { join } from 'node:path';
import type { Priority } from '@musicgen/contract';
import { createStreamsQueue, patientRedisOptions } from '@musicgen/queue';
import { createLogger, keepTrying, logEvents, logRedisConnection, runProcess } from '@musicgen/service';
import { openArtifactStore, taskKey } from '@musicgen/storage';
import { startWorker } from '@musicgen/worker';
import { createWorkerMetrics } from '@musicgen/worker/metrics';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { createFakeEngine } from './fake-engine.ts';
import { openHistory } from './history.ts';
import { recordStalls } from './record-stalls.ts';
import { recordingConsumer } from './recording-consumer.ts';
import { settings } from './settings.ts';

/** What the fleet tells a worker process, as JSON in its only argument. */
export interface WorkerProcessOptions {
  worker: string;
  redisUrl: string;
  /** Of the run; the worker's part of the history and its artifacts go there. */
  folder: string;
  priorities: Priority[];
  slots: number;
  graceMs: number;
}

/** Beyond the grace: a drain may have to wait until Redis is back. */
const closeMarginMs = 10_000;

// Without the fleet that started it, nobody would end this process.
process.once('disconnect', () => process.exit(1));

/** A worker like `apps/worker/src/main.ts` makes it, but with a fake engine, short leases and a history. */
await runProcess({
  loadConfig: (): WorkerProcessOptions => JSON.parse(process.argv[2] ?? '{}'),
  createLogger: () => createLogger({ service: 'worker', level: 'info' }),
  closeWithinMs: ({ graceMs }) => graceMs + closeMarginMs,
  async open({ config, logger, releasers, closing }) {
    const { worker, redisUrl, folder, priorities, slots, graceMs } = config;
    const history = openHistory(join(folder, 'history'), worker);
    releasers.add('history', () => history.close());
    releasers.add('stalls', recordStalls(worker, history));

    const { socketTimeoutMs: socketTimeout, prefix } = settings;
    const redis = new Redis(redisUrl, { ...patientRedisOptions, socketTimeout, connectionName: worker });
    releasers.add('Redis', () => redis.disconnect());
    logRedisConnection(redis, logger);

    const queue = createStreamsQueue({ redis, prefix, lifecycleLength: settings.lifecycleLength });
    logEvents(
      queue.events,
      { 'lease:lapsed': 'warn', 'entry:discarded': 'warn', 'duty:failed': 'warn' },
      logger,
    );
    queue.events.on('task:repaired', ({ taskId, repair }) =>
      history.write({ type: 'task:repaired', task: taskId, repair }),
    );
    await keepTrying({
      attempt: () => queue.prepare(),
      failure: 'the queue cannot be set up yet',
      logger,
      onFailure: () => {},
      signal: closing,
      longestPauseMs: 1_000,
    });

    const store = openArtifactStore(`file:${join(folder, 'artifacts')}`);
    const maintenance = queue.startMaintenance({
      leaseMs: settings.leaseMs,
      maxStalls: settings.maxStalls,
      intervalMs: settings.maintenanceIntervalMs,
      reconcileIntervalMs: settings.reconcileIntervalMs,
      removeArtifacts: (taskId) => store.remove(taskKey(taskId)),
    });
    releasers.add('maintenance', () => maintenance.stop());

    const { retry, ageingMs, renewEveryMs } = settings;
    const consumer = recordingConsumer({
      consumer: queue.createConsumer({ workerId: worker, priorities, retry, ageingMs, renewEveryMs }),
      worker,
      history,
    });
    releasers.add('consumer', () => consumer.close());
    history.write({ type: 'worker:started', worker, priorities });
    // First: the janitor finds by the registry what a worker leaves that is killed.
    await consumer.describe({ slots, priorities });
    const running = startWorker({
      consumer,
      engine: createFakeEngine({ history, worker }),
      store,
      findResult: async () => undefined,
      metrics: createWorkerMetrics(new Registry()),
      logger,
      software: 'musicgen-service chaos',
      slots,
      graceMs,
    });
    releasers.add('worker', () => running.drain());
    process.send?.('ready');
  },
});

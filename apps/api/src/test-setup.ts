import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStreamsQueue, failFastRedisOptions, type TaskConsumer } from '@musicgen/queue';
import { createLogger, createRegistry, type Logger, redisProblem } from '@musicgen/service';
import { audioKey, createDiskStore } from '@musicgen/storage';
import { createDeliveries, createTargetPolicy } from '@musicgen/webhooks';
import express from 'express';
import { Redis } from 'ioredis';
import request from 'supertest';
import { createAccess } from './access.ts';
import { type AppOptions, apiRoutes, createApp } from './app.ts';
import type { Backend } from './backend.ts';
import { createCleanUp } from './clean-up.ts';
import { loadApiConfig } from './config.ts';
import { createEstimator } from './estimate/estimator.ts';
import { createMemoryReserve } from './memory-reserve.ts';
import { createApiMetrics } from './metrics.ts';
import { openApiDocument } from './openapi/document.ts';
import { checkAgainst } from './openapi/test-setup.ts';
import { redisAccessStores } from './redis-backend.ts';

export interface TestAppOptions {
  redisUrl: string;
  /** Works on this instead of Redis. */
  backend?: Backend;
  maxLength?: number;
  /** How old what it knows of the server's memory may be. */
  memoryLastsMs?: number;
  /** Settings that differ from the defaults: `API_KEYS` and the like. */
  env?: Record<string, string>;
  /** Silent where nothing is said. */
  logger?: Logger;
}

/** How long Redis may take for an answer: longer than a machine that is busy stands still. */
const patienceMs = 30_000;

/**
 * The real app on a real queue and store of its own, with a worker's side to drive tasks by hand. Every answer is held
 * against the OpenAPI document; disposing throws when one differed.
 */
export async function createTestApp({
  redisUrl,
  backend,
  maxLength = 100,
  memoryLastsMs = 0,
  env = {},
  logger,
}: TestAppOptions) {
  const redis = new Redis(redisUrl, { ...failFastRedisOptions, commandTimeout: patienceMs });
  redis.on('error', () => {});
  const prefix = `test-${randomUUID()}`;
  const queue = createStreamsQueue({ redis, prefix });
  const isThere = await redisIsThere(redis);
  if (isThere) await queue.prepare();
  const {
    queue: tasks,
    deliveries,
    stores,
  } = backend ?? {
    queue,
    deliveries: createDeliveries({ redis, prefix }),
    stores: redisAccessStores({ redis, prefix }),
  };
  await backend?.queue.prepare();
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-api-'));
  const store = createDiskStore(folder);
  const lifecycle = tasks.createLifecycleReader();
  const closing = new AbortController();
  const registry = createRegistry({ role: 'api', version: '0' });
  const config = loadApiConfig({ TASK_KEY_PREFIX: prefix, ...env });
  const policy = createTargetPolicy({
    allowHttp: config.WEBHOOK_ALLOW_HTTP,
    allowedNetworks: config.WEBHOOK_ALLOWED_NETWORKS,
  });
  const producer = tasks.createProducer({ maxLength, timeoutMs: patienceMs });
  const monitor = tasks.createMonitor();
  const options: AppOptions = {
    kind: tasks.kind,
    producer,
    lifecycle,
    monitor,
    admin: tasks.createAdmin(),
    estimator: createEstimator({ monitor, refreshMs: 0 }),
    memory: createMemoryReserve({ monitor, refreshMs: memoryLastsMs }),
    cleanUp: createCleanUp({ recoverer: tasks.createRecoverer(), janitor: tasks.createJanitor() }),
    queueMaxLength: maxLength,
    stallTimeoutSeconds: 3600,
    autoscaling: { targetWaitSeconds: 60 },
    effectiveConfig: { LOG_LEVEL: 'info' },
    store,
    limits: { maxDurationSeconds: 300, defaultTtlSeconds: 86_400 },
    uploads: { maxMegabytes: 1, mostPerOwner: 3 },
    maxAttempts: 2,
    access: createAccess(config, stores),
    webhooks: { deliveries, policy, hasSecret: config.WEBHOOK_SECRET !== undefined },
    metrics: createApiMetrics(registry),
    registry,
    logger: logger ?? createLogger({ service: 'api', level: 'silent' }),
    studioFolder: folder,
    version: '0',
    closing: closing.signal,
    notReadyBecause: async () => [await redisProblem(redis)].filter((problem) => problem !== undefined),
  };
  const { middleware, violations } = checkAgainst(() => openApiDocument(apiRoutes(options), options));
  const bareApp = createApp(options);
  const app = express().disable('x-powered-by').use(middleware, bareApp);
  const consumer = tasks.createConsumer({
    workerId: 'test',
    priorities: ['CRITICAL', 'HIGH', 'NORMAL', 'LOW'],
  });
  return {
    app,
    /** Without the check against the document: for what stands before all routes. */
    bareApp,
    options,
    queue,
    consumer,
    lifecycle,
    store,
    redis,
    prefix,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await lifecycle.close();
      await consumer.close().catch(() => {});
      redis.disconnect();
      await rm(folder, { recursive: true });
      if (violations.length > 0) throw new Error(`Not as documented:\n${violations.join('\n')}`);
    },
  };
}

/** Resolves once the first connection has been made, or has failed. */
function redisIsThere(redis: Redis): Promise<boolean> {
  return new Promise((resolve) => {
    redis.once('ready', () => resolve(true));
    redis.once('error', () => resolve(false));
  });
}

export type TestApp = Awaited<ReturnType<typeof createTestApp>>;

/** Posts a request. */
export const submit = ({ app }: Pick<TestApp, 'app'>, body: object) =>
  request(app).post('/api/v1/generate').send(body);

/** Takes the task that a test has just submitted. */
export async function claimNext(consumer: TaskConsumer) {
  const claim = await consumer.claim();
  if (claim === undefined) throw new Error('there was nothing to claim');
  return claim;
}

/** The audio of every completed task. */
export const audio = Buffer.from('RIFF, but only for this test');
export const sha256 = createHash('sha256').update(audio).digest('hex');

/** What a worker says of a piece, but for its file. */
export const result = {
  model: 'test',
  duration: 2,
  frames: 100,
  sample_rate: 32_000,
  channels: 1,
  format: 'wav',
  peak_dbfs: -1,
  sampling: { temperature: 1, top_k: 250, top_p: 1, guidance_scale: 3 },
  warnings: [],
  timings: { generating: 1 },
};

/** Submits a task, with these fields too, and completes it as a worker would, with this file for its audio. */
export async function completedTask(
  context: TestApp,
  fields: object = {},
  file: Uint8Array = audio,
): Promise<string> {
  const { body } = await submit(context, { prompt: 'lofi', duration: 2, ...fields });
  const sha256 = createHash('sha256').update(file).digest('hex');
  const claim = await claimNext(context.consumer);
  await context.store.put(audioKey(body.id, sha256), file);
  await context.consumer.complete(claim, { ...result, bytes: file.length, sha256 });
  return body.id;
}

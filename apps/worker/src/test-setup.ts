import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ServiceError, taskResultSchema } from '@musicgen/contract';
import type { Engine, EnginePool, GenerateOptions, Piece, PieceRequest } from '@musicgen/engine';
import { createStreamsQueue, type JsonObject, patientRedisOptions, type TaskRecord } from '@musicgen/queue';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createLogger, createRegistry } from '@musicgen/service';
import { createDiskStore } from '@musicgen/storage';
import { Redis } from 'ioredis';
import { createWorkerMetrics } from './metrics.ts';
import { startWorker } from './worker.ts';

export type Generate = (options: GenerateOptions, request: PieceRequest) => Promise<Piece>;

export const piece: Piece = {
  samples: [Float32Array.of(0, 0.5, -0.5)],
  sampleRate: 32_000,
  frames: 1,
  checkpoint: Buffer.of(1),
  settings: { temperature: 1, topK: 250, topP: 1, guidanceScale: 3 },
  warnings: [],
  stageSeconds: { encoding_text: 0, generating: 0, decoding: 0 },
};

/** An engine that does what a test wants it to: a real one fails too seldom. */
function createFakeEngine(generate: Generate, state: Engine['state'] = 'ready') {
  return {
    model: { name: 'fake', sampleRate: 32_000 },
    models: ['fake', 'second'].map((name) => ({ info: { name, sampleRate: 32_000 } })),
    state,
    events: new EventEmitter(),
    generate: (request: PieceRequest, options: GenerateOptions = {}) => generate(options, request),
    close: async () => {},
  } as unknown as { -readonly [Key in keyof EnginePool]: EnginePool[Key] };
}

interface TestWorkerOptions {
  generate: Generate;
  graceMs?: number;
  engineState?: Engine['state'];
  recordWithinMs?: number;
}

/** Starts a server for the tests of one file; each call of what it returns gives a worker with a queue of its own. */
export function useTestWorker() {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedisServer({ settings: { appendonly: 'no' } });
  });
  afterAll(() => server.stop());
  return (options: TestWorkerOptions) => createTestWorker(server.url, options);
}

/** The real worker on a real queue and store. */
async function createTestWorker(
  redisUrl: string,
  { generate, graceMs = 0, engineState, recordWithinMs = 5_000 }: TestWorkerOptions,
) {
  const engine = createFakeEngine(generate, engineState);
  const redis = new Redis(redisUrl, patientRedisOptions);
  const queue = createStreamsQueue({ redis, prefix: `test-${randomUUID()}` });
  await queue.prepare();
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-worker-'));
  const store = createDiskStore(folder);
  const producer = queue.createProducer();
  const consumer = queue.createConsumer({ workerId: 'test', priorities: ['NORMAL'] });
  const lifecycle = queue.createLifecycleReader();
  const registry = createRegistry({ role: 'worker', version: '0' });
  const metrics = createWorkerMetrics(registry);
  metrics.watchEngine(engine);
  const worker = startWorker({
    consumer,
    engine,
    store,
    findResult: async (id) => taskResultSchema.safeParse((await producer.get(id))?.result).data,
    metrics,
    logger: createLogger({ service: 'worker', level: 'silent' }),
    software: 'musicgen-service test',
    slots: 1,
    graceMs,
    recordWithinMs,
  });
  return {
    engine,
    producer,
    consumer,
    store,
    worker,
    registry,
    async stored(key: string): Promise<Buffer> {
      const artifact = await store.open(key);
      if (artifact === undefined) throw new Error(`nothing is stored as ${key}`);
      return buffer(await artifact.read());
    },
    /** Submits a task and resolves with its record after the first event of that type. */
    async untilEvent(
      type: string,
      request: JsonObject = { prompt: 'x', duration: 1, seed: 1 },
    ): Promise<TaskRecord> {
      const id = randomUUID();
      const happened = new EventEmitter();
      lifecycle.follow(id, (event) => happened.emit(event.type));
      await lifecycle.latestId();
      const seen = once(happened, type);
      await producer.enqueue({ id, priority: 'NORMAL', request, ttlSeconds: 600, maxAttempts: 2 });
      await seen;
      const record = await producer.get(id);
      if (record === undefined) throw new Error('the task vanished');
      return record;
    },
    async [Symbol.asyncDispose]() {
      await worker.drain();
      await lifecycle.close();
      await consumer.close();
      redis.disconnect();
      await rm(folder, { recursive: true });
    },
  };
}

/** Generates until it is stopped, as the engine does; not at all when it was stopped before. */
export function untilAborted({ signal }: GenerateOptions): Promise<Piece> {
  return new Promise((_resolve, reject) => {
    const stop = () => reject(new ServiceError('task_cancelled', 'stopped'));
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop);
  });
}

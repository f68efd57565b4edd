import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { decodeWav, readProvenance, renditionRevision } from '@musicgen/audio';
import { ServiceError, taskResultSchema } from '@musicgen/contract';
import type { Engine, EnginePool, GenerateOptions, Piece, PieceRequest } from '@musicgen/engine';
import { createStreamsQueue, type JsonObject, patientRedisOptions, type TaskRecord } from '@musicgen/queue';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createLogger, createRegistry } from '@musicgen/service';
import { audioKey, codesKey, createDiskStore, previewKey, renditionKey, uploadKey } from '@musicgen/storage';
import { Redis } from 'ioredis';
import { createWorkerMetrics } from './metrics.ts';
import { startWorker } from './worker.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

type Generate = (options: GenerateOptions, request: PieceRequest) => Promise<Piece>;

const piece: Piece = {
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

/** The real worker on a real queue and store. */
async function setup({
  generate,
  graceMs = 0,
  engineState,
  recordWithinMs = 5_000,
}: {
  generate: Generate;
  graceMs?: number;
  engineState?: Engine['state'];
  recordWithinMs?: number;
}) {
  const engine = createFakeEngine(generate, engineState);
  const redis = new Redis(server.url, patientRedisOptions);
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

/** Generates until it is stopped, as the engine does. */
function untilAborted({ signal }: GenerateOptions): Promise<Piece> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(new ServiceError('task_cancelled', 'stopped')));
  });
}

test('a completed task has stored audio, a result that describes it, and is counted', async () => {
  await using context = await setup({ generate: async () => piece });
  const record = await context.untilEvent('completed');
  expect(record).toMatchObject({
    status: 'completed',
    result: { model: 'fake', channels: 1, samples_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
  const file = await context.stored(audioKey(record.id, String(record.result?.sha256)));
  expect(file.length).toBe(record.result?.bytes);
  expect(decodeWav(file).samples[0]?.length).toBe(3);
  expect((await readProvenance(Readable.from([file]))).made_by).toEqual({
    software: 'musicgen-service test',
    task_id: record.id,
    model: 'fake',
    licence: null,
    prompt: 'x',
    seed: 1,
    parameters: { duration: 1, temperature: 1, top_k: 250, top_p: 1, guidance_scale: 3 },
  });
  await context.worker.drain();
  expect(await context.registry.metrics()).toContain(
    'tasks_finished_total{priority="NORMAL",status="completed"} 1',
  );
});

test('a format that was asked for lies beside the original, without tags where none are wanted', async () => {
  await using context = await setup({ generate: async () => piece });
  const request = { prompt: 'secret', duration: 1, seed: 1, format: 'flac', tags: false };
  const { id, result } = await context.untilEvent('completed', request);
  const sha256 = String(result?.sha256);
  const original = await context.stored(audioKey(id, sha256));
  const flac = await context.stored(
    renditionKey({ taskId: id, sha256, revision: renditionRevision, ending: 'flac' }),
  );
  expect(flac.toString('latin1', 0, 4)).toBe('fLaC');
  expect([original, flac].map((file) => file.includes('secret') || file.includes('AI-generated'))).toEqual([
    false,
    false,
  ]);
});

test('every setting of a request reaches the engine', async () => {
  const seen: { request: PieceRequest; model: unknown }[] = [];
  await using context = await setup({
    generate: async (options, request) => {
      seen.push({ request, model: (options as { model?: string }).model });
      return piece;
    },
  });
  await context.untilEvent('completed', {
    prompt: 'calm piano',
    negative_prompt: 'drums',
    duration: 7,
    seed: 11,
    guidance_scale: 2,
    temperature: 0.8,
    top_k: 50,
    top_p: 0.9,
    model: 'second',
  });
  expect(seen).toEqual([
    {
      model: 'second',
      request: {
        prompt: 'calm piano',
        negativePrompt: 'drums',
        durationSeconds: 7,
        seed: 11,
        guidanceScale: 2,
        temperature: 0.8,
        topK: 50,
        topP: 0.9,
        continueFrom: undefined,
      },
    },
  ]);
});

test('a crash of the engine is retried, noise instead of numbers is not', async () => {
  const reasons: ServiceError[] = [
    new ServiceError('engine_crashed', 'The engine ended'),
    new ServiceError('generation_failed', 'NaN'),
  ];
  const generate: Generate = async () => {
    throw reasons.shift() ?? new Error('asked too often');
  };
  await using context = await setup({ generate });
  expect(await context.untilEvent('retrying')).toMatchObject({
    status: 'pending',
    error: { code: 'engine_crashed' },
  });
  expect(await context.untilEvent('failed')).toMatchObject({
    error: { code: 'generation_failed', detail: 'NaN' },
  });
  expect(await context.registry.metrics()).toContain(
    'musicgen_task_failures_total{model="fake",reason="engine_crashed"} 1',
  );
});

test('a task for a model that this worker does not have fails once, and says so', async () => {
  await using context = await setup({ generate: async () => piece });
  const request = { prompt: 'x', duration: 1, seed: 1 };
  expect(await context.untilEvent('failed', { ...request, model: 'another' })).toMatchObject({
    attempt: 1,
    error: { code: 'model_unavailable', detail: 'This worker has no model another.' },
  });
  expect(await context.untilEvent('completed', { ...request, model: 'second' })).toMatchObject({
    result: { model: 'second' },
  });
  const failures = 'musicgen_task_failures_total';
  const metrics = await context.registry.metrics();
  expect(metrics).toContain(`${failures}{model="other",reason="model_unavailable"} 1`);
  expect(metrics).toContain(`${failures}{model="second",reason="model_unavailable"} 0`);
});

test('a hiccup of the store costs nothing', async () => {
  await using context = await setup({ generate: async () => piece });
  const { put } = context.store;
  context.store.put = async () => {
    context.store.put = put;
    throw new Error('stale file handle');
  };
  expect(await context.untilEvent('completed')).toMatchObject({ attempt: 1 });
});

test('a store that stays away fails the attempt with its reason', async () => {
  await using context = await setup({ generate: async () => piece });
  context.store.put = async () => {
    throw new Error('no space left on device');
  };
  expect(await context.untilEvent('retrying')).toMatchObject({ error: { code: 'storage_failed' } });
});

test('a stored request that cannot be read fails for good', async () => {
  await using context = await setup({ generate: async () => piece });
  expect(await context.untilEvent('failed', { prompt: 7 })).toMatchObject({
    error: { code: 'corrupt_record' },
  });
});

test('while the engine cannot work nothing is claimed', async () => {
  await using context = await setup({ generate: async () => piece, engineState: 'restarting' });
  const created = await context.untilEvent('created');
  expect(created).toMatchObject({ status: 'pending', attempt: 0 });
  context.engine.state = 'ready';
  context.engine.events.emit('engine:ready');
  expect(await context.untilEvent('completed')).toMatchObject({ attempt: 1 });
  expect(await context.producer.get(created.id)).toMatchObject({ status: 'completed' });
});

test('a cancelled task stops while it runs', async () => {
  await using context = await setup({ generate: untilAborted });
  const { id } = await context.untilEvent('claimed');
  expect(await context.producer.cancel(id)).toBe('stopping');
  await context.worker.drain();
  expect(await context.producer.get(id)).toMatchObject({ status: 'cancelled' });
});

test('draining hands back what does not fit into the grace, with its checkpoint and free of charge', async () => {
  const generate: Generate = (options) => {
    const report = (frame: number) =>
      options.onProgress?.({ stage: 'generating', frame, frames: 1000, checkpoint: Buffer.from('codes') });
    report(1);
    // At this speed the rest takes longer than the grace.
    setTimeout(() => report(2), 100);
    return untilAborted(options);
  };
  await using context = await setup({ generate, graceMs: 60_000 });
  const { id } = await context.untilEvent('progress');
  // Waiting out the grace would outlast the test.
  await context.worker.drain();
  expect(await context.producer.get(id)).toMatchObject({ status: 'pending', attempt: 0 });
  expect(String((await context.consumer.claim())?.checkpoint)).toBe('codes');
});

test('draining waits for what fits into the grace', async () => {
  let finish = () => {};
  const generate: Generate = () =>
    new Promise((resolve) => {
      finish = () => resolve(piece);
    });
  await using context = await setup({ generate, graceMs: 60_000 });
  const { id } = await context.untilEvent('claimed');
  const drained = context.worker.drain();
  finish();
  await drained;
  expect(await context.producer.get(id)).toMatchObject({ status: 'completed' });
});

describe('going on from', () => {
  const request = { prompt: 'x', duration: 1, seed: 1 };

  test('an earlier task of the same model takes its codes, of an upload its samples', async () => {
    const seen: PieceRequest['continueFrom'][] = [];
    await using context = await setup({
      generate: async (_options, { continueFrom }) => {
        seen.push(continueFrom);
        return piece;
      },
    });
    const earlier = await context.untilEvent('completed', request);
    await context.untilEvent('completed', { ...request, continue_from: { task_id: earlier.id } });
    const file = await context.stored(audioKey(earlier.id, String(earlier.result?.sha256)));
    await context.store.put(uploadKey({ owner: undefined, uploadId: 'mine' }), file);
    await context.untilEvent('completed', { ...request, continue_from: { upload_id: 'mine' } });
    expect(seen).toMatchObject([undefined, { codes: piece.checkpoint }, { sampleRate: 32_000 }]);
    const { samples } = seen[2] as { samples: Float32Array[] };
    expect(samples).toHaveLength(1);
    expect(samples[0]?.[1]).toBeCloseTo(0.5, 3);
  });

  test('an earlier task of another model takes its audio', async () => {
    const seen: PieceRequest['continueFrom'][] = [];
    await using context = await setup({
      generate: async (_options, { continueFrom }) => {
        seen.push(continueFrom);
        return piece;
      },
    });
    const earlier = await context.untilEvent('completed', request);
    Object.assign(context.engine.model, { name: 'another' });
    await context.untilEvent('completed', { ...request, continue_from: { task_id: earlier.id } });
    expect(seen[1]).toMatchObject({ samples: [expect.any(Float32Array)], sampleRate: 32_000 });
  });

  test.each([{ task_id: '019ac000-0000-7000-8000-000000000000' }, { upload_id: 'nowhere' }])(
    'what is gone (%j) fails for good, with that reason',
    async (source) => {
      await using context = await setup({ generate: async () => piece });
      const failed = await context.untilEvent('failed', { ...request, continue_from: source });
      expect(failed).toMatchObject({ error: { code: 'gone' }, attempt: 1 });
    },
  );
});

test('the codes are kept beside the audio', async () => {
  await using context = await setup({ generate: async () => piece });
  const { id, result } = await context.untilEvent('completed');
  expect(await context.stored(codesKey(id, String(result?.sha256)))).toEqual(piece.checkpoint);
});

test('a fade-out takes the end to silence', async () => {
  const samples = [new Float32Array(64_000).fill(0.5)];
  await using context = await setup({ generate: async () => ({ ...piece, samples }) });
  const { id, result } = await context.untilEvent('completed', {
    prompt: 'x',
    duration: 2,
    seed: 1,
    fade_out: 1,
  });
  const file = await context.stored(audioKey(id, String(result?.sha256)));
  const sampleAt = (index: number) => file.readInt16LE(44 + 2 * index);
  expect([sampleAt(0), sampleAt(31_999)]).toEqual([16_384, 16_384]);
  expect(sampleAt(63_999)).toBe(0);
});

test('a preview that is asked for grows with the piece, and the finished audio takes its place', async () => {
  const stretch = (frame: number) => ({ frame, samples: [new Float32Array(100).fill(0.5)] });
  let sizes: number[] = [];
  const previewed = new EventEmitter();
  const generate: Generate = async ({ onPreview }) => {
    for (const frame of [0, 1]) {
      const stored = once(previewed, 'stored');
      onPreview?.(stretch(frame));
      await stored;
    }
    return piece;
  };
  await using context = await setup({ generate });
  const { put } = context.store;
  context.store.put = async (key, content) => {
    await put(key, content);
    if (!key.endsWith('preview.wav')) return;
    sizes = [...sizes, (content as Uint8Array).length];
    previewed.emit('stored');
  };
  const { id } = await context.untilEvent('completed', { prompt: 'x', duration: 1, seed: 1, preview: true });
  expect(sizes).toEqual([244, 444]);
  expect(await context.store.open(previewKey(id))).toBeUndefined();
});

test('nobody pays for a preview that was not asked for', async () => {
  let listener: GenerateOptions['onPreview'];
  const generate: Generate = async ({ onPreview }) => {
    listener = onPreview;
    return piece;
  };
  await using context = await setup({ generate });
  await context.untilEvent('completed');
  expect(listener).toBeUndefined();
});

test('draining gives up on a completion that Redis does not answer, and leaves the task to its lease', async () => {
  await using context = await setup({ generate: async () => piece, recordWithinMs: 1 });
  let answer = () => {};
  const completing = new Promise<void>((asked) => {
    jest.spyOn(context.consumer, 'complete').mockImplementation(() => {
      asked();
      return new Promise((resolve) => {
        answer = () => resolve('lost');
      });
    });
  });
  const { id } = await context.untilEvent('claimed');
  await completing;
  await context.worker.drain();
  expect(await context.producer.get(id)).toMatchObject({ status: 'processing', attempt: 1 });
  answer();
});

test('draining gives up on a claim that Redis does not answer', async () => {
  await using context = await setup({ generate: async () => piece, recordWithinMs: 1 });
  let answer = () => {};
  const claiming = new Promise<void>((asked) => {
    jest.spyOn(context.consumer, 'claim').mockImplementation(() => {
      asked();
      return new Promise((resolve) => {
        answer = () => resolve(undefined);
      });
    });
  });
  // Wakes the worker from its wait.
  await context.producer.enqueue({
    id: randomUUID(),
    priority: 'NORMAL',
    request: {},
    ttlSeconds: 60,
    maxAttempts: 1,
  });
  await claiming;
  await context.worker.drain();
  answer();
});

import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { decodeWav, readProvenance } from '@musicgen/audio';
import { ServiceError } from '@musicgen/contract';
import type { PieceRequest } from '@musicgen/engine';
import { audioKey } from '@musicgen/storage';
import { type Generate, piece, untilAborted, useTestWorker } from './test-setup.ts';

const setup = useTestWorker();

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
  const engine = new EventEmitter();
  const generate: Generate = async () => {
    engine.emit('begun');
    await once(engine, 'finish');
    return piece;
  };
  await using context = await setup({ generate, graceMs: 60_000 });
  const begun = once(engine, 'begun');
  const { id } = await context.untilEvent('claimed');
  await begun;
  const drained = context.worker.drain();
  engine.emit('finish');
  await drained;
  expect(await context.producer.get(id)).toMatchObject({ status: 'completed' });
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

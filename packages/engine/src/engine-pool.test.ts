import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyModelFolder } from '../fixtures/golden.ts';
import { type EnginePool, startEnginePool } from './engine-pool.ts';
import type { PieceRequest } from './piece.ts';

const request: PieceRequest = { prompt: 'calm piano', durationSeconds: 0.1, seed: 7 };
const longRequest = { ...request, durationSeconds: 300 };

interface Setup {
  names: string[];
  /** How many of them fit into memory. */
  roomFor: number;
}

/** Models of the same weights under other names, and what the pool says about them. */
async function setup({ names, roomFor }: Setup) {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-pool-'));
  const modelFolders: string[] = [];
  for (const name of names) modelFolders.push(await addModel(folder, name));
  const log: { message: string; fields: Record<string, unknown> }[] = [];
  const note = (message: string, fields: object = {}) => void log.push({ message, fields: { ...fields } });
  const options = {
    modelFolders,
    // The tiny model is estimated as 125 MB.
    memoryBytes: (roomFor + 0.5) * 125 * 2 ** 20,
    threads: 1,
    logger: { info: note, warn: note },
  };
  let pool: EnginePool | undefined;
  return {
    folder,
    options,
    log,
    async start() {
      pool = await startEnginePool(options);
      return pool;
    },
    /** The models in memory. */
    loaded: () => pool?.models.filter(({ engine }) => engine).map(({ info }) => info.name),
    async [Symbol.asyncDispose]() {
      await pool?.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function addModel(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  await cp(tinyModelFolder, path, { recursive: true });
  const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8'));
  await writeFile(join(path, 'config.json'), JSON.stringify({ ...config, musicgen_service: { name } }));
  return path;
}

/** Begins a piece that goes on until it is stopped. */
async function begin(pool: EnginePool, model: string) {
  const stop = new AbortController();
  let ended: Promise<string> = Promise.resolve('');
  await new Promise<void>((resolve, reject) => {
    const onProgress = ({ frame }: { frame: number }) => frame > 0 && resolve();
    const piece = pool.generate(longRequest, { model, signal: stop.signal, onProgress });
    ended = piece.then(
      () => 'completed',
      (error) => error.code,
    );
    piece.catch(reject);
  });
  return {
    async stop() {
      stop.abort();
      expect(await ended).toBe('task_cancelled');
    },
  };
}

test('only the default model is loaded until another one is asked for', async () => {
  await using context = await setup({ names: ['a', 'b'], roomFor: 2 });
  const pool = await context.start();
  expect(pool.models.map(({ info }) => info.name)).toEqual(['a', 'b']);
  expect(pool.model.name).toBe('a');
  expect(context.loaded()).toEqual(['a']);
  const stages: string[] = [];
  const piece = await pool.generate(request, { model: 'b', onProgress: ({ stage }) => stages.push(stage) });
  expect(stages[0]).toBe('loading_model');
  expect(piece.frames).toBe(5);
  expect(context.loaded()).toEqual(['a', 'b']);
});

test('the least recently used model makes room, and is loaded again when it is asked for', async () => {
  await using context = await setup({ names: ['a', 'b', 'c'], roomFor: 2 });
  const pool = await context.start();
  await pool.generate(request, { model: 'b' });
  await pool.generate(request, { model: 'a' });
  await pool.generate(request, { model: 'c' });
  expect(context.loaded()).toEqual(['a', 'c']);
  await pool.generate(request, { model: 'b' });
  expect(context.loaded()).toEqual(['b', 'c']);
  expect(pool.state).toBe('ready');
  await pool.generate(request);
  expect(context.loaded()).toEqual(['a', 'b']);
});

test('a model in use stays, and who needs its memory waits until it is free', async () => {
  await using context = await setup({ names: ['a', 'b'], roomFor: 1 });
  const pool = await context.start();
  const running = await begin(pool, 'a');
  const waiting = pool.generate(request, { model: 'b' });
  // Behind the one that waits for memory, or such pieces could keep it waiting for ever.
  const later = pool.generate(request, { model: 'a' });
  expect(context.loaded()).toEqual(['a']);
  await running.stop();
  await waiting;
  await later;
  const made = context.log.filter(({ message }) => message === 'A model makes room for another');
  expect(made.map(({ fields }) => fields)).toEqual([
    { model: 'a', for: 'b' },
    { model: 'b', for: 'a' },
  ]);
});

test('who gives up waiting for memory unloads nothing', async () => {
  await using context = await setup({ names: ['a', 'b'], roomFor: 1 });
  const pool = await context.start();
  const running = await begin(pool, 'a');
  const stop = new AbortController();
  const waiting = pool.generate(request, { model: 'b', signal: stop.signal });
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'task_cancelled' });
  await running.stop();
  await pool.generate(request, { model: 'a' });
  expect(context.loaded()).toEqual(['a']);
});

test('a model that is not there, is broken or too large is not offered', async () => {
  await using context = await setup({ names: ['a', 'broken', 'b'], roomFor: 2 });
  await writeFile(join(context.folder, 'broken', 'config.json'), '{');
  context.options.modelFolders.push(join(context.folder, 'nowhere'));
  const pool = await context.start();
  expect(pool.models.map(({ info }) => info.name)).toEqual(['a', 'b']);
  expect(context.log.filter(({ message }) => message === 'A model is left out')).toHaveLength(2);
  await expect(pool.generate(request, { model: 'broken' })).rejects.toMatchObject({
    code: 'model_unavailable',
    message: 'There is no model broken here, only a, b',
  });
});

test('a default model that does not fit into the memory is refused with both figures', async () => {
  await using context = await setup({ names: ['a'], roomFor: 0 });
  await expect(context.start()).rejects.toMatchObject({
    code: 'model_load_failed',
    message: expect.stringMatching(/^a needs about 125 MB, and all models together may take 63 MB$/),
  });
});

test('a model that cannot be loaded fails its pieces and no others', async () => {
  await using context = await setup({ names: ['a', 'b'], roomFor: 2 });
  await writeFile(join(context.folder, 'b', 'onnx', 'encodec_decode.onnx'), 'no graph');
  const pool = await context.start();
  await expect(pool.generate(request, { model: 'b' })).rejects.toMatchObject({ code: 'model_load_failed' });
  await pool.generate(request, { model: 'a' });
  expect(context.loaded()).toEqual(['a']);
});

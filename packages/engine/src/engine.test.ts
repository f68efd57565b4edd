import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRetryable } from '@musicgen/contract';
import { tinyModelFolder } from '../fixtures/golden.ts';
import { type Engine, type ExecutionProvider, startEngine } from './index.ts';
import type { Piece, PieceProgress, PieceRequest } from './piece.ts';

const request: PieceRequest = { prompt: 'calm piano', durationSeconds: 0.5, seed: 7 };
const longRequest = { ...request, durationSeconds: 300 };

interface Started {
  engine: Engine;
  /** The child's process id, from the log line of its readiness. */
  pid: () => number;
}

const engines: Engine[] = [];

async function setup(modelFolder = tinyModelFolder, maxBatch = 1): Promise<Started> {
  let pid = 0;
  const engine = await startEngine({
    modelFolder,
    threads: 1,
    maxBatch,
    logger: {
      info: (_message, fields) => {
        pid = (fields as { pid: number }).pid;
      },
      warn: () => {},
    },
  });
  engines.push(engine);
  return { engine, pid: () => pid };
}

afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
});

async function copyModel(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-engine-'));
  await cp(tinyModelFolder, folder, { recursive: true });
  return folder;
}

/** Starts a long piece and waits until its first frames are there. */
async function startLongPiece(engine: Engine, signal?: AbortSignal) {
  let piece: Promise<unknown> = Promise.resolve();
  const progress = await new Promise<PieceProgress>((resolve, reject) => {
    const onProgress = (it: PieceProgress) => {
      if (it.frame > 0) resolve(it);
    };
    piece = engine.generate(longRequest, { signal, onProgress });
    piece.catch(reject);
  });
  return { piece, progress };
}

describe('the engine in its own process', () => {
  it('makes a piece, the same bytes for the same seed', async () => {
    const { engine } = await setup();
    expect(engine.state).toBe('ready');
    expect(engine.model).toMatchObject({ name: 'musicgen-tiny', sampleRate: 32_000, channels: 1 });
    const stages: string[] = [];
    const first = await engine.generate(request, { onProgress: ({ stage }) => stages.push(stage) });
    const second = await engine.generate(request);
    expect(first.samples[0]).toHaveLength(16_000);
    expect(second.samples).toEqual(first.samples);
    // A slow machine reports progress within a stage, too.
    expect([...new Set(stages)]).toEqual(['encoding_text', 'generating', 'decoding']);
  });

  it('makes pieces one after another when several are asked for', async () => {
    const { engine } = await setup();
    const alone = await engine.generate(request);
    const pieces = await Promise.all([1, 2, 3].map((seed) => engine.generate({ ...request, seed })));
    expect(pieces.map((piece) => piece.frames)).toEqual([25, 25, 25]);
    expect(await engine.generate(request)).toMatchObject({ samples: alone.samples });
  });

  it('stops a piece soon after its signal aborts, and makes the next one', async () => {
    const { engine } = await setup();
    const controller = new AbortController();
    const { piece } = await startLongPiece(engine, controller.signal);
    controller.abort('the caller left');
    await expect(piece).rejects.toMatchObject({ code: 'task_cancelled', cause: 'the caller left' });
    expect((await engine.generate(request)).frames).toBe(25);
  });

  it('cancels a piece that waits behind another, without delay for either', async () => {
    const { engine } = await setup();
    const first = new AbortController();
    const { piece: running } = await startLongPiece(engine, first.signal);
    const second = new AbortController();
    const waiting = engine.generate(request, { signal: second.signal });
    second.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'task_cancelled' });
    first.abort();
    await expect(running).rejects.toMatchObject({ code: 'task_cancelled' });
    expect(engine.state).toBe('ready');
  });

  it('hands errors over with their code', async () => {
    const { engine } = await setup();
    await expect(engine.generate({ ...request, durationSeconds: -1 })).rejects.toMatchObject({
      name: 'ServiceError',
      code: 'invalid_request',
    });
  });

  it('goes on from the checkpoint of a child that was killed', async () => {
    const { engine, pid } = await setup();
    const { piece, progress } = await startLongPiece(engine);
    const restarted = once(engine.events, 'engine:ready');
    process.kill(pid(), 'SIGKILL');
    await expect(piece).rejects.toMatchObject({
      code: 'engine_crashed',
      message: 'The engine ended while it worked on the piece (SIGKILL)',
    });
    expect(engine.state).toBe('restarting');
    await restarted;
    expect(engine.state).toBe('ready');
    const short = { ...longRequest, durationSeconds: (progress.frame + 10) / 50 };
    const resumed = await engine.generate(short, { checkpoint: progress.checkpoint });
    expect(resumed.frames).toBe(progress.frame + 10);
    expect(
      resumed.checkpoint.subarray(0, progress.checkpoint?.length).equals(progress.checkpoint as Buffer),
    ).toBe(true);
  });

  it('makes as many pieces at once as there are slots, and says how fast', async () => {
    const { engine } = await setup(tinyModelFolder, 2);
    expect(engine.slots).toBe(2);
    expect(engine.speed.alone).toBeGreaterThan(0);
    const effort = once(engine.events, 'engine:effort');
    const [first, second] = [new AbortController(), new AbortController()];
    const { piece } = await startLongPiece(engine, first.signal);
    // The second has frames while the first still runs.
    const beside = await startLongPiece(engine, second.signal);
    expect(await effort).toMatchObject([{ steps: expect.any(Number), rows: expect.any(Number) }]);
    first.abort();
    second.abort();
    for (const stopped of [piece, beside.piece]) {
      await expect(stopped).rejects.toMatchObject({ code: 'task_cancelled' });
    }
  });

  it('blames none of several pieces for a crash: each is gone on with, alone', async () => {
    const { engine, pid } = await setup(tinyModelFolder, 3);
    // Long enough that all are still in work when the last one has begun.
    const request = { prompt: 'x', durationSeconds: 16 };
    const expected = await engine.generate({ ...request, seed: 0 });
    const started: Promise<void>[] = [];
    const pieces = [0, 1, 2].map((seed) => {
      let piece: Promise<Piece> | undefined;
      const begun = new Promise<void>((resolve) => {
        piece = engine.generate({ ...request, seed }, { onProgress: ({ frame }) => frame > 0 && resolve() });
      });
      started.push(begun);
      return piece as Promise<Piece>;
    });
    await Promise.all(started);
    process.kill(pid(), 'SIGKILL');
    const [first, ...others] = await Promise.all(pieces);
    expect(first?.checkpoint.equals(expected.checkpoint)).toBe(true);
    expect(others.map(({ frames }) => frames)).toEqual([800, 800]);
  });

  it('blames a piece that was alone', async () => {
    const { engine, pid } = await setup(tinyModelFolder, 2);
    const { piece } = await startLongPiece(engine);
    process.kill(pid(), 'SIGKILL');
    await expect(piece).rejects.toMatchObject({ code: 'engine_crashed' });
    expect((await engine.generate(request)).frames).toBe(25);
  });

  // `prlimit` takes the address space of a running process away, as a full machine would.
  (process.platform === 'linux' ? it : it.skip).each([5, 30])(
    'gives a reason that allows another attempt when %i MB are not enough, and goes on',
    async (megabytes) => {
      const { engine, pid } = await setup();
      const status = await readFile(`/proc/${pid()}/status`, 'utf8');
      const usedBytes = 1024 * Number(/VmSize:\s+(\d+)/.exec(status)?.[1]);
      execFileSync('prlimit', ['--pid', String(pid()), `--as=${usedBytes + megabytes * 2 ** 20}`]);
      const long = { ...request, durationSeconds: 8, guidanceScale: 1 };
      const error = await engine.generate(long).catch((it) => it);
      // Which of the two depends on who asks for the memory in vain.
      expect(['out_of_memory', 'engine_crashed']).toContain(error.code);
      expect(isRetryable(error.code)).toBe(true);
      expect((await engine.generate(request)).frames).toBe(25);
    },
  );

  it('lets a piece that is asked for during a restart wait for it', async () => {
    const { engine, pid } = await setup();
    const exited = once(engine.events, 'engine:exit');
    process.kill(pid(), 'SIGKILL');
    expect(await exited).toEqual([{ code: null, signal: 'SIGKILL' }]);
    const stages: string[] = [];
    const piece = await engine.generate(request, { onProgress: ({ stage }) => stages.push(stage) });
    expect(piece.frames).toBe(25);
    expect(stages[0]).toBe('loading_model');
  });

  it('fails a waiting piece with the reason when the restart fails, and tries again later', async () => {
    const folder = await copyModel();
    const { engine, pid } = await setup(folder);
    await truncate(join(folder, 'onnx/text_encoder.onnx'), 0);
    const reasons: string[] = [];
    engine.events.on('engine:restarting', ({ reason }) => reasons.push(reason));
    const exited = once(engine.events, 'engine:exit');
    process.kill(pid(), 'SIGKILL');
    await exited;
    const retried = once(engine.events, 'engine:exit');
    await expect(engine.generate(request)).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining('onnx/text_encoder.onnx is empty'),
    });
    await retried;
    expect(reasons).toEqual(['engine_crashed', 'model_load_failed']);
    // It tries again and again, perhaps before the last file is there.
    const ready = once(engine.events, 'engine:ready');
    await cp(tinyModelFolder, folder, { recursive: true });
    await ready;
    expect((await engine.generate(request)).frames).toBe(25);
    await rm(folder, { recursive: true });
  });

  it('does not start with a broken model, and says what is wrong', async () => {
    await expect(setup('/nowhere/at/all')).rejects.toMatchObject({
      code: 'model_load_failed',
      message: 'There is no model folder at /nowhere/at/all',
    });
  });

  it('does not start with a model that loads but cannot run, and says why', async () => {
    const folder = await copyModel();
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    config.audio_encoder.upsampling_ratios = [8, 5, 8, 4];
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    await expect(setup(folder)).rejects.toMatchObject({
      code: 'model_load_failed',
      message:
        'The model was loaded but cannot be run: onnx/encodec_decode.onnx made 2560 samples where config.json promises 5120',
    });
    await rm(folder, { recursive: true });
  });

  it('rejects what it works on when it is closed, and its process is gone', async () => {
    const { engine, pid } = await setup();
    const { piece } = await startLongPiece(engine);
    const rejected = expect(piece).rejects.toMatchObject({ code: 'draining' });
    await engine.close();
    await rejected;
    expect(engine.state).toBe('closed');
    expect(() => process.kill(pid(), 0)).toThrow('ESRCH');
    await expect(engine.generate(request)).rejects.toMatchObject({ code: 'draining' });
  });

  it('leaves SIGINT and SIGTERM to its parent', async () => {
    const { engine, pid } = await setup();
    process.kill(pid(), 'SIGTERM');
    process.kill(pid(), 'SIGINT');
    expect((await engine.generate(request)).frames).toBe(25);
  });

  it('ends when its parent is killed', async () => {
    const script = `
      const { startEngine } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)});
      await startEngine({
        modelFolder: ${JSON.stringify(tinyModelFolder)},
        logger: { warn() {}, info: (_, { pid }) => { console.log(pid); process.kill(process.pid, 'SIGKILL'); } },
      });`;
    let output = '';
    try {
      execFileSync(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'pipe' });
    } catch (error) {
      output = String((error as { stdout: Buffer }).stdout);
    }
    const pid = Number(output);
    expect(pid).toBeGreaterThan(0);
    while (isAlive(pid)) await delay(20);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('execution providers', () => {
  async function startWith(providers: ExecutionProvider[]) {
    const lines: { message: string; fields: object }[] = [];
    const note = (message: string, fields: object = {}) => void lines.push({ message, fields });
    const logger = { info: note, warn: note };
    const engine = await startEngine({ modelFolder: tinyModelFolder, threads: 1, providers, logger });
    engines.push(engine);
    return lines;
  }

  it('says where every graph really runs, and why not where it was wanted', async () => {
    const lines = await startWith(['cuda', 'cpu']);
    const files = ['onnx/text_encoder.onnx', 'onnx/decoder_model_merged.onnx', 'onnx/encodec_decode.onnx'];
    expect(lines).toContainEqual({
      message: 'The engine is ready',
      fields: expect.objectContaining({ runsOn: Object.fromEntries(files.map((file) => [file, 'cpu'])) }),
    });
    const refusals = lines.filter(({ message }) => message === 'A graph does not run where it was wanted');
    expect(refusals.map(({ fields }) => fields)).toEqual(
      files.map((file) => ({ file, provider: 'cpu', refused: expect.stringMatching(/^cuda \(.+\)$/) })),
    );
  });

  it('does not start on a CPU that it was not given', async () => {
    await expect(startWith(['cuda', 'webgpu'])).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringMatching(
        /^onnx\/text_encoder\.onnx can be loaded with none of the execution providers that are allowed: cuda \(.+\), webgpu \(.+\)$/s,
      ),
    });
  });
});

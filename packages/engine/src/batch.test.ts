import { tinyModelFolder } from '../fixtures/golden.ts';
import type { Decoder, StepInput } from './decoders/decoder.ts';
import { type Batch, createBatch } from './generate.ts';
import { loadModel, type Model, releaseModel } from './model.ts';
import type { Piece, PieceProgress, PieceRequest } from './piece.ts';

let model: Model;
/** Each of `various`, made alone. */
let expected: Piece[];

beforeAll(async () => {
  model = await loadModel({ modelFolder: tinyModelFolder, threads: 1 });
  const batch = createBatch(model, { slots: 1 });
  expected = await Promise.all(various.map((request) => batch.generate(request)));
});

afterAll(() => releaseModel(model));

/** Pieces that have as little in common as requests allow. */
const various: PieceRequest[] = [
  { prompt: 'lofi hip hop with piano', durationSeconds: 0.9, seed: 1 },
  { prompt: 'loud techno', durationSeconds: 0.5, seed: 2, guidanceScale: 1 },
  { prompt: 'a very slow string quartet in a cathedral', durationSeconds: 1.3, seed: 3, topK: 20 },
  { prompt: '', durationSeconds: 0.2, seed: 4, temperature: 0 },
  { prompt: 'drums', durationSeconds: 3, seed: 5, topP: 0.7, negativePrompt: 'a long list of things' },
];

const codesOf = (pieces: Piece[]) => pieces.map((piece) => piece.checkpoint.toString('hex'));

/** The model with a decoder that does something besides. */
function withDecoder(step: (inputs: StepInput[]) => Promise<Float32Array[]>): Model {
  const { decoder } = model;
  const changed: Decoder = { open: (rows) => decoder.open(rows), step, release: () => Promise.resolve() };
  return { ...model, decoder: changed };
}

/** Starts a piece that lasts until it is aborted, and waits until it has frames. */
async function startEndless(batch: Batch) {
  const controller = new AbortController();
  let piece: Promise<Piece> | undefined;
  await new Promise<void>((resolve, reject) => {
    const onProgress = ({ frame }: PieceProgress) => frame > 0 && resolve();
    const request = { prompt: 'x', durationSeconds: 600, seed: 9 };
    piece = batch.generate(request, { signal: controller.signal, onProgress });
    piece.catch(reject);
  });
  return { piece, stop: () => controller.abort() };
}

describe('pieces that are made together', () => {
  it('have the codes and the audio that each has alone', async () => {
    const batch = createBatch(model, { slots: various.length });
    const together = await Promise.all(various.map((request) => batch.generate(request)));
    expect(codesOf(together)).toEqual(codesOf(expected));
    for (const [index, piece] of together.entries()) expect(piece.samples).toEqual(expected[index]?.samples);
  });

  it('join and leave at any step, more of them than there are slots', async () => {
    const batch = createBatch(model, { slots: 2 });
    const endless = await startEndless(batch);
    const pieces = await Promise.all(various.map((request) => batch.generate(request)));
    endless.stop();
    await expect(endless.piece).rejects.toMatchObject({ code: 'task_cancelled' });
    expect(codesOf(pieces)).toEqual(codesOf(expected));
  });

  it('go on from a checkpoint to the uninterrupted piece, beside others', async () => {
    const [request, { checkpoint }] = [various.at(-1) as PieceRequest, expected.at(-1) as Piece];
    const batch = createBatch(model, { slots: 3 });
    const endless = await startEndless(batch);
    const resumed = await Promise.all(
      [30, 130].map((frame) =>
        batch.generate(request, { checkpoint: checkpoint.subarray(0, 8 + 8 * frame) }),
      ),
    );
    endless.stop();
    for (const piece of resumed) expect(piece.checkpoint.equals(checkpoint)).toBe(true);
  });

  it('step on while another is decoded', async () => {
    const events: string[] = [];
    const { decoder, codec } = model;
    const watched: Model = {
      ...withDecoder((inputs) => {
        events.push('step');
        return decoder.step(inputs);
      }),
      codec: {
        ...codec,
        open(codes, frames) {
          const run = codec.open(codes, frames);
          return {
            get neededFrames() {
              return run.neededFrames;
            },
            next() {
              events.push('decode');
              return run.next();
            },
          };
        },
      },
    };
    const batch = createBatch(watched, { slots: 2 });
    const endless = await startEndless(batch);
    await batch.generate({ prompt: 'x', durationSeconds: 16, seed: 1 });
    endless.stop();
    expect(events.filter((event) => event === 'decode')).toHaveLength(4);
    expect(events.join(' ')).not.toContain('decode decode');
  });
});

describe('a piece that may have brought the engine down', () => {
  it('is made alone: it waits for the others, and they for it', async () => {
    const together: number[] = [];
    const withLonely: number[] = [];
    const watched = withDecoder((inputs) => {
      const isLonely = inputs.some(({ sequence }) => sequence.rows === 1);
      (isLonely ? withLonely : together).push(inputs.length);
      return model.decoder.step(inputs);
    });
    const batch = createBatch(watched, { slots: 3 });
    const request = { prompt: 'x', durationSeconds: 0.2, seed: 1 };
    const lonely = { ...request, guidanceScale: 1 };
    await Promise.all([
      batch.generate(request),
      batch.generate(lonely, { company: 'alone' }),
      batch.generate(request),
      batch.generate(request),
    ]);
    expect(new Set(withLonely)).toEqual(new Set([1]));
    expect(Math.max(...together)).toBe(2);
  });
});

const victim = 1;

/** Makes all pieces together, of which the one without guidance must fail and the others come out as ever. */
async function expectOnlyVictimFails(broken: Model, reason: object): Promise<void> {
  const batch = createBatch(broken, { slots: various.length });
  const pieces = various.map((request) => batch.generate(request));
  await expect(pieces[victim]).rejects.toMatchObject(reason);
  const survivors = await Promise.all(pieces.filter((_, index) => index !== victim));
  expect(codesOf(survivors)).toEqual(codesOf(expected.filter((_, index) => index !== victim)));
}

describe('when something fails for one piece', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])('with the logit %d, the others live', async (nonsense) => {
    // Only one of these pieces has no guidance, and so a single row.
    const broken = withDecoder(async (inputs) => {
      const logits = await model.decoder.step(inputs);
      return logits.map((rows, index) =>
        inputs[index]?.sequence.rows === 1 ? rows.map((value, at) => (at === 200 ? nonsense : value)) : rows,
      );
    });
    await expectOnlyVictimFails(broken, {
      code: 'generation_failed',
      message: 'The model computed NaN or infinite logits at frame 0',
    });
  });

  it('in the decoder, the one to blame is found and the others live', async () => {
    const broken = withDecoder((inputs) => {
      if (inputs.some(({ sequence }) => sequence.rows === 1)) throw new Error('bad operator');
      return model.decoder.step(inputs);
    });
    await expectOnlyVictimFails(broken, { code: 'generation_failed', message: 'bad operator' });
  });

  it('for lack of memory, fewer are stepped together and all are finished', async () => {
    const sizes: number[] = [];
    const small = withDecoder(async (inputs) => {
      sizes.push(inputs.length);
      if (inputs.length > 2) throw new Error('std::bad_alloc');
      return model.decoder.step(inputs);
    });
    const batch = createBatch(small, { slots: various.length });
    const pieces = await Promise.all(various.map((request) => batch.generate(request)));
    expect(codesOf(pieces)).toEqual(codesOf(expected));
    // It learns from the first failures, and does not run into them at every step.
    expect(sizes.filter((size) => size > 2).length).toBeLessThanOrEqual(3);
  });

  it('a lack of memory that nothing helps against is the reason', async () => {
    const none = withDecoder(() => Promise.reject(new Error('std::bad_alloc')));
    const piece = createBatch(none, { slots: 1 }).generate({ prompt: 'x', durationSeconds: 1, seed: 1 });
    await expect(piece).rejects.toMatchObject({ code: 'out_of_memory' });
  });
});

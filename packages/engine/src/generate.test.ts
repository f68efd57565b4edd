import { joinStretches } from '../fixtures/decode-all.ts';
import { maxDifference, tinyModelFolder } from '../fixtures/golden.ts';
import type { Stretch } from './codecs/codec.ts';
import { type Batch, createBatch } from './generate.ts';
import { loadModel, type Model, releaseModel } from './model.ts';
import type { Piece, PieceProgress, PieceRequest } from './piece.ts';

const request: PieceRequest = { prompt: 'lofi hip hop with piano', durationSeconds: 0.4, seed: 42 };
let model: Model;
let generate: Batch['generate'];

beforeAll(async () => {
  model = await loadModel({ modelFolder: tinyModelFolder, threads: 1 });
  generate = createBatch(model, { slots: 1 }).generate;
});

afterAll(() => releaseModel(model));

function bytesOf({ samples }: Piece): Buffer {
  return Buffer.concat(samples.map((channel) => Buffer.from(channel.buffer)));
}

describe('a piece', () => {
  it('makes as many samples as were asked for, and says with which settings', async () => {
    const piece = await generate({ ...request, temperature: 0.8, topK: 50 });
    expect(piece.samples.map((channel) => channel.length)).toEqual([12_800]);
    expect(piece).toMatchObject({
      sampleRate: 32_000,
      frames: 20,
      settings: { guidanceScale: 3, temperature: 0.8, topK: 50, topP: 1 },
      warnings: [],
    });
  });

  it('makes the same bytes from the same seed, and others from another', async () => {
    const first = await generate(request);
    expect(bytesOf(await generate(request)).equals(bytesOf(first))).toBe(true);
    expect(bytesOf(await generate({ ...request, seed: 43 })).equals(bytesOf(first))).toBe(false);
  });

  it.each([
    ['another prompt', { prompt: 'loud techno' }],
    ['no guidance', { guidanceScale: 1 }],
    ['a higher temperature', { temperature: 2 }],
    ['a smaller choice', { topK: 3 }],
    ['a smaller mass', { topP: 0.3 }],
  ])('makes another piece with %s', async (_, change) => {
    const piece = await generate({ ...request, ...change });
    expect(piece.checkpoint.equals((await generate(request)).checkpoint)).toBe(false);
  });

  it.each([{ temperature: 0 }, { temperature: 1e-40 }, { topK: 1 }])(
    'leaves nothing to the seed with %j',
    async (settings) => {
      const one = await generate({ ...request, ...settings, seed: 1 });
      const two = await generate({ ...request, ...settings, seed: 2 });
      expect(one.checkpoint.equals(two.checkpoint)).toBe(true);
    },
  );

  it.each(['', '   ', '🎸🔥', 'مرحبا بالعالم', '日本の音楽', 'x'.repeat(400)])(
    'makes something of %j',
    async (prompt) => {
      const { samples, warnings } = await generate({ ...request, prompt, durationSeconds: 0.1 });
      expect(samples[0]?.every((sample) => Number.isFinite(sample))).toBe(true);
      expect(warnings).toEqual([]);
    },
  );

  it('warns when it reads only the beginning of a prompt', async () => {
    const piece = await generate({
      ...request,
      prompt: 'piano '.repeat(900),
      durationSeconds: 0.1,
    });
    expect(piece.warnings).toEqual([
      'The prompt is longer than the model reads; only its first 512 tokens were used.',
    ]);
  });

  it('makes a piece of several windows whose beginning is the one-window piece', async () => {
    const frames = model.config.windowFrames;
    const short = await generate({ ...request, durationSeconds: frames / 50 });
    const long = await generate({ ...request, durationSeconds: 5 });
    expect(long.frames).toBe(250);
    expect(long.checkpoint.subarray(0, short.checkpoint.length).equals(short.checkpoint)).toBe(true);
    // Nothing repeats: the codes of the second window are not those of the first.
    const codesOf = (from: number) => long.checkpoint.subarray(8 + from * 8, 8 + (from + 50) * 8);
    expect(codesOf(frames).equals(codesOf(0))).toBe(false);
  });

  it('goes on in each window from the last 40 % of the one before, and from nothing else', async () => {
    const greedy = { ...request, temperature: 0 };
    const long = await generate({ ...greedy, durationSeconds: 5 });
    const codesOf = (piece: Piece, from: number, to?: number) =>
      piece.checkpoint.subarray(8 + from * 8, to && 8 + to * 8);
    // Windows of 124 frames advance by 74: the second is prompted with frames 74 to 124, the third with 148 to 198.
    for (const [start, known, end] of [
      [74, 124, 198],
      [148, 198, 250],
    ] as const) {
      const codes = Buffer.concat([long.checkpoint.subarray(0, 8), codesOf(long, start, known)]);
      const durationSeconds = (end - known) / 50;
      const goneOn = await generate({ ...greedy, durationSeconds, continueFrom: { codes } });
      expect(codesOf(goneOn, known - start).equals(codesOf(long, known, end))).toBe(true);
    }
  });

  it.each([
    { durationSeconds: 0 },
    { durationSeconds: -1 },
    { durationSeconds: Number.NaN },
    { seed: 1.5 },
    { seed: -1 },
    { seed: 2 ** 53 },
    { temperature: Number.NaN },
    { topK: -1 },
    { topP: Number.POSITIVE_INFINITY },
  ])('refuses %j', async (wrong) => {
    await expect(generate({ ...request, ...wrong })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

describe('progress', () => {
  it('names every stage, and goes up to the last frame', async () => {
    const reports: PieceProgress[] = [];
    await generate(request, { onProgress: (progress) => reports.push(progress) });
    const stages = reports.map((report) => report.stage);
    expect([...new Set(stages)]).toEqual(['encoding_text', 'generating', 'decoding']);
    expect(reports.at(-1)).toMatchObject({ stage: 'decoding', frame: 20, frames: 20 });
    const frames = reports.map((report) => report.frame);
    expect(frames).toEqual(frames.toSorted((a, b) => a - b));
  });

  it('is reported a few times a second, not at every step', async () => {
    const reports: PieceProgress[] = [];
    const startedAt = performance.now();
    await generate({ ...request, durationSeconds: 30 }, { onProgress: (it) => reports.push(it) });
    const seconds = (performance.now() - startedAt) / 1000;
    expect(reports.length).toBeGreaterThan(3);
    expect(reports.length).toBeLessThanOrEqual(3 + 4 * seconds);
  });
});

describe('a checkpoint', () => {
  const long = { ...request, durationSeconds: 4 };
  let uninterrupted: Piece;

  beforeAll(async () => {
    uninterrupted = await generate(long);
  });

  it.each([1, 60, 123, 124, 130, 199, 200])('of frame %i leads to the uninterrupted piece', async (frame) => {
    const checkpoint = uninterrupted.checkpoint.subarray(0, 8 + frame * 8);
    const resumed = await generate(long, { checkpoint });
    expect(resumed.checkpoint.equals(uninterrupted.checkpoint)).toBe(true);
    expect(maxDifference(resumed.samples[0] ?? [], uninterrupted.samples[0] ?? [])).toBe(0);
    expect(resumed.warnings).toEqual([]);
  });

  it('is reported while the piece grows, and can be gone on from', async () => {
    const longer = { ...request, temperature: 0, durationSeconds: 30 };
    const reports: PieceProgress[] = [];
    const { checkpoint } = await generate(longer, {
      onProgress: (progress) => reports.push(progress),
    });
    const halfway = reports.find(({ stage, frame }) => stage === 'generating' && frame > 0);
    expect(halfway?.checkpoint).toHaveLength(8 + 8 * (halfway?.frame ?? 0));
    const resumed = await generate(longer, { checkpoint: halfway?.checkpoint });
    expect(resumed.checkpoint.equals(checkpoint)).toBe(true);
  });

  it('that does not fit starts the piece over and says so', async () => {
    const piece = await generate(request, { checkpoint: Buffer.from('rubbish') });
    expect(piece.checkpoint.equals((await generate(request)).checkpoint)).toBe(true);
    expect(piece.warnings).toEqual([
      'The checkpoint of the earlier attempt could not be used; the piece was started over.',
    ]);
  });
});

describe('going on from an earlier piece', () => {
  it('begins with that piece, whose sound does not change', async () => {
    const earlier = await generate({ ...request, durationSeconds: 0.6 });
    const continueFrom = { codes: earlier.checkpoint };
    const longer = await generate({ ...request, durationSeconds: 0.4, continueFrom });
    expect(longer.frames).toBe(50);
    expect(longer.checkpoint.subarray(0, earlier.checkpoint.length).equals(earlier.checkpoint)).toBe(true);
    // The codec hears four frames ahead, which were not there before.
    const settled = (earlier.frames - 4) * 640;
    const beginning = (piece: Piece) => piece.samples[0]?.subarray(0, settled) ?? [];
    expect(maxDifference(beginning(longer), beginning(earlier))).toBeLessThan(2e-5);
  });

  it('can be interrupted as well', async () => {
    const { checkpoint: codes } = await generate({ ...request, durationSeconds: 3 });
    const long = { ...request, durationSeconds: 2, continueFrom: { codes } };
    const uninterrupted = await generate(long);
    const checkpoint = uninterrupted.checkpoint.subarray(0, 8 + 8 * 180);
    const resumed = await generate(long, { checkpoint });
    expect(resumed.checkpoint.equals(uninterrupted.checkpoint)).toBe(true);
  });

  it.each([
    ['codes of another kind of model', { codes: Buffer.from('rubbish') }, 'damaged or of another model'],
    [
      'other audio, without a codec encoder',
      { samples: [new Float32Array(9)], sampleRate: 8000 },
      'has no codec encoder',
    ],
  ])('refuses %s', async (_what, continueFrom, message) => {
    await expect(generate({ ...request, continueFrom })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining(message),
    });
  });
});

describe('a negative prompt', () => {
  it('makes another piece than none, and the prompt itself as the negative takes guidance away', async () => {
    const greedy = { ...request, temperature: 0 };
    const [plain, negative, itself, unguided] = await Promise.all([
      generate(greedy),
      generate({ ...greedy, negativePrompt: 'drums and a rather long list of other things' }),
      generate({ ...greedy, negativePrompt: greedy.prompt }),
      generate({ ...greedy, guidanceScale: 1 }),
    ]);
    expect(negative.checkpoint.equals(plain.checkpoint)).toBe(false);
    expect(itself.checkpoint.equals(unguided.checkpoint)).toBe(true);
  });

  it('says so when it has no effect', async () => {
    const { warnings } = await generate({ ...request, guidanceScale: 1, negativePrompt: 'drums' });
    expect(warnings).toEqual(['A negative prompt has no effect without guidance (guidance_scale 1).']);
  });
});

describe('a preview', () => {
  it('is the audio itself, stretch by stretch, long before the last frame is there', async () => {
    const stretches: Stretch[] = [];
    const framesThen: number[] = [];
    let frame = 0;
    const long = { ...request, durationSeconds: 12 };
    const piece = await generate(long, {
      onProgress: (progress) => {
        frame = progress.frame;
      },
      onPreview: (stretch) => {
        stretches.push(stretch);
        framesThen.push(frame);
      },
    });
    expect(joinStretches(stretches)).toEqual(piece.samples);
    expect(stretches.map((stretch) => stretch.frame)).toEqual([0, 250, 500]);
    expect(framesThen[0]).toBeLessThan(600);
    expect((await generate(long)).samples).toEqual(piece.samples);
  });
});

describe('cancellation', () => {
  it('stops between two steps', async () => {
    const controller = new AbortController();
    const reason = new Error('the caller left');
    const onProgress = ({ frame }: PieceProgress) => {
      if (frame > 0) controller.abort(reason);
    };
    const piece = generate({ ...request, durationSeconds: 60 }, { signal: controller.signal, onProgress });
    await expect(piece).rejects.toMatchObject({ code: 'task_cancelled', cause: reason });
  });

  it('does nothing when the signal has aborted before', async () => {
    const piece = generate(request, { signal: AbortSignal.abort() });
    await expect(piece).rejects.toMatchObject({ code: 'task_cancelled' });
  });
});

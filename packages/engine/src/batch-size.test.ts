import { learnSpeed, planBatch } from './batch-size.ts';
import type { Decoder, DecoderSequence } from './decoders/decoder.ts';
import type { Model } from './model.ts';

interface Machine {
  /** Milliseconds of one step for so many pieces. */
  stepMs: (pieces: number) => number;
  layout?: 'fast' | 'standard';
  guidanceScale?: number;
  /** Of the free memory, what half holds of full caches. */
  roomFor?: number;
}

/** A model whose decoder does nothing but let the clock go on. */
function createModel({ stepMs, layout = 'fast', guidanceScale = 3, roomFor = 100 }: Machine) {
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  const [decoderLayers, decoderWidth, windowFrames] = [24, 1024, 1500];
  const rows = 2;
  jest
    .spyOn(process, 'availableMemory')
    .mockReturnValue(2 * (roomFor + 0.5) * rows * decoderLayers * 2 * decoderWidth * windowFrames * 4);
  const open = new Set<DecoderSequence>();
  let rowsOfPiece = 0;
  const decoder: Decoder = {
    open({ against }) {
      rowsOfPiece = against === undefined ? 1 : 2;
      const sequence = { rows: 1, release: () => open.delete(sequence) } as const;
      open.add(sequence);
      return sequence;
    },
    async step(inputs) {
      now += stepMs(inputs.length);
      return [];
    },
    release: async () => {},
  };
  const model = {
    tokenize: () => ({ ids: [1], truncated: false }),
    textEncoder: { encode: async () => ({ rows: 1, tokens: 1, states: new Float32Array(4), mask: [1] }) },
    decoder,
    config: {
      info: { layout, codebooks: 4, defaults: { guidanceScale } },
      specialId: 2048,
      decoderLayers,
      decoderWidth,
      windowFrames,
    },
  } as unknown as Model;
  return { model, open, rowsOfPiece: () => rowsOfPiece };
}

afterEach(() => jest.restoreAllMocks());

describe('the pieces that are made at once', () => {
  it('are eight where the machine gains by each doubling, at the speed that was measured', async () => {
    const { model, open, rowsOfPiece } = createModel({ stepMs: (pieces) => 20 + pieces });
    expect(await planBatch(model, undefined)).toEqual({
      slots: 8,
      speed: { alone: expect.closeTo(1000 / 21), all: expect.closeTo(8000 / 28) },
    });
    expect(rowsOfPiece()).toBe(2);
    expect(open.size).toBe(0);
  });

  it.each([
    ['one where two take twice as long', (pieces: number) => 10 * pieces, 1],
    ['two where four gain less than a fifth', (pieces: number) => (pieces <= 2 ? 10 : 5.5 * pieces), 2],
  ])('are %s', async (_what, stepMs, slots) => {
    expect(await planBatch(createModel({ stepMs }).model, undefined)).toMatchObject({ slots });
  });

  it('are no more than have room for their caches', async () => {
    const { model } = createModel({ stepMs: () => 20, roomFor: 3 });
    expect(await planBatch(model, undefined)).toMatchObject({ slots: 2 });
  });

  it('are one in the standard layout, which runs them one after the other', async () => {
    const { model } = createModel({ stepMs: () => 20, layout: 'standard' });
    expect(await planBatch(model, undefined)).toMatchObject({ slots: 1 });
  });

  it('are as many as were asked for, whatever is gained', async () => {
    const { model, rowsOfPiece } = createModel({ stepMs: (pieces) => 10 * pieces, guidanceScale: 1 });
    const speed = { alone: expect.closeTo(100), all: expect.closeTo(100) };
    expect(await planBatch(model, 5)).toEqual({ slots: 5, speed });
    expect(rowsOfPiece()).toBe(1);
  });
});

describe('the speed', () => {
  const speed = { alone: 50, all: 200 };
  const effort = { steps: 10, rows: 0, runSeconds: 0 };

  it('follows what a piece alone does, a tenth of the way', () => {
    expect(learnSpeed(speed, { ...effort, columns: 10, stepSeconds: 0.1 }, 4)).toEqual({
      alone: 55,
      all: 200,
    });
  });

  it('follows what all slots together do, and nothing in between', () => {
    expect(learnSpeed(speed, { ...effort, columns: 40, stepSeconds: 0.1 }, 4)).toEqual({
      alone: 50,
      all: 220,
    });
    expect(learnSpeed(speed, { ...effort, columns: 25, stepSeconds: 0.1 }, 4)).toEqual(speed);
  });
});

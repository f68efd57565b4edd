import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixture, frameMajor, golden, tinyModelFolder } from '../fixtures/golden.ts';
import type { Recording } from './audio-encoder.ts';
import { convertCheckpoint } from './convert/convert-checkpoint.ts';
import { createBatch } from './generate.ts';
import { loadModel, type Model, releaseModel } from './model.ts';

let scratch: string;
let mono: Model;
let stereo: Model;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'musicgen-encoder-'));
  [mono, stereo] = await Promise.all([convertAndLoad('mono'), convertAndLoad('stereo')]);
});

afterAll(async () => {
  await Promise.all([mono, stereo].map(releaseModel));
  await rm(scratch, { recursive: true });
});

async function convertAndLoad(name: 'mono' | 'stereo'): Promise<Model> {
  const target = join(scratch, name);
  await convertCheckpoint({ source: fixture(name), target, layout: 'standard', precision: 'fp32' });
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    await cp(join(tinyModelFolder, file), join(target, file));
  }
  return await loadModel({ modelFolder: target, threads: 1 });
}

async function encode(model: Model, recording: Recording): Promise<{ codes: number[]; units: number }> {
  const { audioEncoder, config } = model;
  if (audioEncoder === undefined) throw new Error('no encoder was loaded');
  const codes = new Uint16Array(audioEncoder.framesOf(recording) * config.info.codebooks);
  let units = 0;
  for await (const _unit of audioEncoder.encode(recording, codes)) units += 1;
  return { codes: Array.from(codes), units };
}

/** Something that never repeats within a piece. */
function sweep(seconds: number, sampleRate = 32_000): Float32Array {
  return Float32Array.from({ length: seconds * sampleRate }, (_, at) => {
    const time = at / sampleRate;
    return 0.5 * Math.sin(2 * Math.PI * (100 + 40 * time) * time) + 0.2 * Math.sin(time * time * 900);
  });
}

const share = (a: number[], b: number[]) => a.filter((code, at) => code === b[at]).length / a.length;

describe('a recording', () => {
  it('has the codes of Hugging Face', async () => {
    const expected = golden('mono')('encodec_encode');
    const recording = { samples: [expected.floats('input_values')], sampleRate: 32_000 };
    const { codes } = await encode(mono, recording);
    expect(codes).toEqual(frameMajor(expected.integers('audio_codes'), 4));
  });

  it('has the same codes in stretches as at once', async () => {
    const samples = sweep(12);
    const { codes, units } = await encode(mono, { samples: [samples], sampleRate: 32_000 });
    expect(units).toBe(3);
    const first = await encode(mono, { samples: [samples.subarray(0, 5 * 32_000)], sampleRate: 32_000 });
    // The last frames of the shorter one hear silence where the longer one goes on.
    const settled = 4 * (250 - 10);
    expect(share(first.codes.slice(0, settled), codes.slice(0, settled))).toBe(1);
    const later = await encode(mono, { samples: [samples.subarray(3 * 32_000)], sampleRate: 32_000 });
    const within = codes.slice(4 * 50 * 4, 4 * 50 * 12);
    expect(share(later.codes.slice(4 * 50), within)).toBeGreaterThan(0.99);
  });

  it('of another rate and other channels is made to fit', async () => {
    const { codes } = await encode(mono, { samples: [sweep(2)], sampleRate: 32_000 });
    const twice = [sweep(2, 44_100), sweep(2, 44_100)];
    const other = await encode(mono, { samples: twice, sampleRate: 44_100 });
    expect(other.codes).toHaveLength(codes.length);
    const firstCodebook = (all: number[]) => all.filter((_, at) => at % 4 === 0);
    expect(share(firstCodebook(other.codes), firstCodebook(codes))).toBeGreaterThan(0.9);
  });

  it('is given to both sides of a stereo model, which interleaves their codes', async () => {
    const one = await encode(stereo, { samples: [sweep(1)], sampleRate: 32_000 });
    const two = await encode(stereo, { samples: [sweep(1), sweep(1)], sampleRate: 32_000 });
    expect(one.codes).toEqual(two.codes);
    expect(one.codes.filter((_, at) => at % 2 === 0)).toEqual(one.codes.filter((_, at) => at % 2 === 1));
  });

  it('that is empty is refused', async () => {
    await expect(encode(mono, { samples: [new Float32Array()], sampleRate: 32_000 })).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'The audio to go on from is empty',
    });
  });
});

describe('a piece that goes on from a recording', () => {
  it.each(['mono', 'stereo'] as const)(
    'begins with its codes, in %s, and can be interrupted',
    async (name) => {
      const model = name === 'mono' ? mono : stereo;
      const recording = { samples: [sweep(6)], sampleRate: 32_000 };
      const { generate } = createBatch(model, { slots: 1 });
      const request = { prompt: 'x', durationSeconds: 1, seed: 3, continueFrom: recording };
      const piece = await generate(request);
      expect(piece.frames).toBe(350);
      const { codes } = await encode(model, recording);
      const written = new Uint16Array(Uint8Array.from(piece.checkpoint.subarray(8)).buffer);
      expect(Array.from(written.subarray(0, codes.length))).toEqual(codes);
      const bytes = 8 + 2 * model.config.info.codebooks * 320;
      const resumed = await generate(request, { checkpoint: piece.checkpoint.subarray(0, bytes) });
      expect(resumed.checkpoint.equals(piece.checkpoint)).toBe(true);
    },
  );
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyCheckpoint } from '../../fixtures/changed-checkpoint.ts';
import { decodeAll, joinStretches } from '../../fixtures/decode-all.ts';
import { fixture, frameMajor, golden, maxDifference } from '../../fixtures/golden.ts';
import { float32Tensor, floatsOf } from '../../fixtures/safetensors.ts';
import { convertCheckpoint } from '../convert/convert-checkpoint.ts';
import type { ModelLayout } from '../graph-files.ts';
import { type ModelFolder, readModelFolder } from '../model-folder.ts';
import type { Codec, Stretch } from './codec.ts';
import { codecReach } from './codec-reach.ts';
import { openFastCodec } from './fast.ts';
import { openStandardCodec } from './standard.ts';

const precision = 'fp32';
const tolerance = 2e-5;
const scratch = mkdtempSync(join(tmpdir(), 'fast-codec-'));
const opened: Codec[] = [];

afterAll(async () => {
  await Promise.all(opened.map((codec) => codec.release()));
  rmSync(scratch, { recursive: true });
});

async function convert(source: string, name: string, layout: ModelLayout): Promise<ModelFolder> {
  const target = join(scratch, `${name}-${layout}`);
  await convertCheckpoint({ source, target, layout, precision });
  return await readModelFolder(target);
}

async function openFast(source: string, name: string): Promise<Codec> {
  const { config, graphs } = await convert(source, name, 'fast');
  opened.push(await openFastCodec({ path: graphs.codec, threads: 1, memory: 'return' }, config));
  return opened.at(-1) as Codec;
}

/** The graph of the standard layout: in chunks with context, or over the whole piece at once. */
async function openStandard(source: string, name: string, chunks: 'in chunks' | 'whole'): Promise<Codec> {
  const { config, graphs } = await convert(source, `${name}-${chunks.replace(' ', '-')}`, 'standard');
  const known = chunks === 'whole' ? { ...config, chunkContext: undefined } : config;
  opened.push(await openStandardCodec({ path: graphs.codec, threads: 1, memory: 'return' }, known));
  return opened.at(-1) as Codec;
}

const anyCodes = (frames: number, codebooks: number, vocabSize: number) =>
  Uint16Array.from({ length: frames * codebooks }, (_, index) => (index * index * 7 + index) % vocabSize);

describe('the codec of the fast layout', () => {
  let codec: Codec;

  beforeAll(async () => {
    codec = await openFast(fixture('mono'), 'mono');
  });

  it.each([1, 2, 3, 25])('equals Hugging Face for %i frames', async (frames) => {
    const expected = golden('mono')(`encodec_decode_T${frames}`);
    const codes = Uint16Array.from(frameMajor(expected.integers('audio_codes'), 4));
    const [samples = []] = await decodeAll(codec, codes, frames);
    expect(maxDifference(samples, expected.floats('audio_values'))).toBeLessThan(tolerance);
  });

  it('equals Hugging Face for 200 frames, which it decodes in two stretches', async () => {
    const expected = golden('mono')('encodec_decode_T200');
    const codes = Uint16Array.from(frameMajor(expected.integers('audio_codes'), 4));
    const [samples = new Float32Array()] = await decodeAll(codec, codes, 200);
    const everySeventh = samples.filter((_, index) => index % 7 === 0);
    expect(maxDifference(everySeventh, expected.floats('audio_values_every7'))).toBeLessThan(tolerance);
  });

  it.each([99, 100, 101, 102, 103, 199, 202, 203, 1000])(
    'makes of %i frames what one run makes of them, in stretches of bounded length',
    async (frames) => {
      const whole = await openWhole();
      const codes = anyCodes(frames, 4, 128);
      const run = codec.open(codes, frames);
      const stretches: Stretch[] = [];
      while (run.neededFrames !== undefined) stretches.push(await run.next());
      const lengths = stretches.map(({ samples }) => (samples[0]?.length ?? 0) / 640);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(102);
      const [atOnce = []] = await decodeAll(whole, codes, frames);
      expect(maxDifference(joinStretches(stretches)[0] ?? [], atOnce)).toBeLessThan(2e-6);
    },
  );

  let whole: Promise<Codec> | undefined;
  function openWhole(): Promise<Codec> {
    whole ??= openStandard(fixture('mono'), 'mono', 'whole');
    return whole;
  }

  it('needs five frames more than it decodes: three for the first convolution, two for the others', async () => {
    const frames = 300;
    const run = codec.open(anyCodes(frames, 4, 128), frames);
    const needed: (number | undefined)[] = [run.neededFrames];
    while (run.neededFrames !== undefined) {
      await run.next();
      needed.push(run.neededFrames);
    }
    expect(needed).toEqual([105, 205, 300, undefined]);
  });

  it('decodes both channels of a stereo piece', async () => {
    const expected = golden('stereo')('generate_cfg3');
    const codes = Uint16Array.from(frameMajor(expected.integers('audio_codes'), 8));
    const [left = [], right = []] = await decodeAll(await openFast(fixture('stereo'), 'stereo'), codes, 21);
    expect(maxDifference([...left, ...right], expected.floats('audio_values'))).toBeLessThan(tolerance);
  });
});

describe('a codec whose LSTM hardly forgets', () => {
  it('still makes of stretches what one run makes, which chunks with context cannot', async () => {
    const checkpoint = copyCheckpoint();
    checkpoint.changeWeights((tensors) =>
      Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) => {
          if (!/decoder\.layers\.1\.lstm\.bias_ih/.test(name)) return [name, tensor];
          const bias = floatsOf(tensor);
          // PyTorch's order of gates: input, forget, cell, output.
          bias.fill(6, bias.length / 4, bias.length / 2);
          return [name, float32Tensor(tensor.shape, bias)];
        }),
      ),
    );
    const frames = 600;
    const codes = anyCodes(frames, 8, 64);
    const [whole = []] = await decodeAll(
      await openStandard(checkpoint.source, 'long', 'whole'),
      codes,
      frames,
    );
    const [inStretches = []] = await decodeAll(await openFast(checkpoint.source, 'long'), codes, frames);
    const [inChunks = []] = await decodeAll(
      await openStandard(checkpoint.source, 'long', 'in chunks'),
      codes,
      frames,
    );
    checkpoint.remove();
    expect(maxDifference(inStretches, whole)).toBeLessThan(tolerance);
    expect(maxDifference(inChunks, whole)).toBeGreaterThan(10 * tolerance);
  });
});

describe('codecReach', () => {
  const sizes = {
    kernel_size: 7,
    last_kernel_size: 7,
    residual_kernel_size: 3,
    dilation_growth_rate: 2,
    num_residual_layers: 1,
    upsampling_ratios: [8, 5, 4, 4],
  };

  it('is three codes and two states for the codec of MusicGen', () => {
    expect(codecReach(sizes)).toEqual({ codes: 3, states: 2 });
  });

  it('grows with the kernel before the LSTM, and with residual units behind it', () => {
    expect(codecReach({ ...sizes, kernel_size: 11, last_kernel_size: 15 })).toEqual({ codes: 5, states: 2 });
    expect(codecReach({ ...sizes, num_residual_layers: 4, upsampling_ratios: [2] })).toEqual({
      codes: 3,
      states: 10,
    });
  });
});

import { decodeAll } from '../../fixtures/decode-all.ts';
import { frameMajor, golden, maxDifference, tinyModelFolder } from '../../fixtures/golden.ts';
import { type ModelConfig, readModelFolder } from '../model-folder.ts';
import type { Codec } from './codec.ts';
import { openStandardCodec, planChunks } from './standard.ts';

const mono = golden('mono');
const path = `${tinyModelFolder}/onnx/encodec_decode.onnx`;
const hopLength = 640;
let config: ModelConfig;
let codec: Codec;

beforeAll(async () => {
  ({ config } = await readModelFolder(tinyModelFolder));
  codec = await openStandardCodec({ path, threads: 1, memory: 'return' }, config);
});

afterAll(() => codec.release());

function goldenCodes(frames: number): Uint16Array {
  return Uint16Array.from(frameMajor(mono(`encodec_decode_T${frames}`).integers('audio_codes'), 4));
}

async function decodeMono(frames: number): Promise<Float32Array> {
  const [samples, ...others] = await decodeAll(codec, goldenCodes(frames), frames);
  expect(others).toEqual([]);
  return samples as Float32Array;
}

describe('the codec of the standard layout', () => {
  it('equals Hugging Face for 25 frames', async () => {
    const expected = mono('encodec_decode_T25').floats('audio_values');
    expect(maxDifference(await decodeMono(25), expected)).toBeLessThan(2e-5);
  });

  it('equals Hugging Face for 200 frames', async () => {
    const samples = await decodeMono(200);
    expect(samples).toHaveLength(200 * hopLength);
    const everySeventh = samples.filter((_, index) => index % 7 === 0);
    const expected = mono('encodec_decode_T200').floats('audio_values_every7');
    expect(maxDifference(everySeventh, expected)).toBeLessThan(2e-5);
  });

  // The exported graph fails below four frames, where Hugging Face appends silence. We repeat the last frame, so the end
  // differs a little: these are pieces of at most 60 ms.
  it.each([1, 2, 3])('decodes %i frames, which the graph cannot, to their exact length', async (frames) => {
    const samples = await decodeMono(frames);
    const expected = mono(`encodec_decode_T${frames}`).floats('audio_values');
    expect(samples).toHaveLength(expected.length);
    expect(maxDifference(samples, expected)).toBeLessThan(1);
  });

  it('gives the same audio in chunks with context as at once', async () => {
    const whole = await openStandardCodec(
      { path, threads: 1, memory: 'return' },
      { ...config, chunkContext: undefined },
    );
    const frames = 1200;
    const codes = Uint16Array.from({ length: frames * 4 }, (_, index) => (index * index * 7 + index) % 128);
    const [atOnce] = await decodeAll(whole, codes, frames);
    const [inChunks] = await decodeAll(codec, codes, frames);
    await whole.release();
    expect(maxDifference(inChunks as Float32Array, atOnce as Float32Array)).toBeLessThan(2e-5);
  });

  it('says so when a config promises another hop length', async () => {
    const wrong = await openStandardCodec(
      { path, threads: 1, memory: 'return' },
      { ...config, hopLength: 1280 },
    );
    await expect(decodeAll(wrong, goldenCodes(25), 25)).rejects.toMatchObject({
      code: 'generation_failed',
      message: 'onnx/encodec_decode.onnx made 16000 samples where config.json promises 32000',
    });
    await wrong.release();
  });
});

describe('planChunks', () => {
  it('decodes at once what has no known context', () => {
    expect(planChunks(6000, 500)).toEqual([{ start: 0, end: 6000, from: 0, to: 6000 }]);
  });

  it('gives every chunk its context, as far as there is any', () => {
    expect(planChunks(1100, 500, { leftFrames: 50, rightFrames: 4 })).toEqual([
      { start: 0, end: 500, from: 0, to: 504 },
      { start: 500, end: 1000, from: 450, to: 1004 },
      { start: 1000, end: 1100, from: 950, to: 1100 },
    ]);
  });

  it('stays linear when the context is longer than a chunk', () => {
    const chunks = planChunks(3000, 250, { leftFrames: 500, rightFrames: 0 });
    const decoded = chunks.reduce((sum, { from, to }) => sum + to - from, 0);
    expect(decoded).toBeLessThanOrEqual(6000);
  });
});

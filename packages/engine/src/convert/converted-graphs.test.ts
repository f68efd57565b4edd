import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixture, type GoldenCase, golden, maxDifference, tinyModelFolder } from '../../fixtures/golden.ts';
import {
  conditionOf,
  type DecoderCase,
  emptyPasts,
  nextPasts,
  prefill,
  stepByStep,
  useCache,
} from '../../fixtures/merged-decoder.ts';
import { idTensor, openSession, type Session, Tensor } from '../sessions.ts';
import { convertCheckpoint } from './convert-checkpoint.ts';

/** The golden values' own tolerances. */
const tolerance = { text: 1e-4, logits: 1e-3, audio: 2e-5 };

const scratch = mkdtempSync(join(tmpdir(), 'converted-'));
const sessions: Session[] = [];

beforeAll(async () => {
  await convertCheckpoint({
    source: fixture('mono'),
    target: join(scratch, 'mono'),
    layout: 'standard',
    precision: 'fp32',
  });
  await convertCheckpoint({
    source: fixture('stereo'),
    target: join(scratch, 'stereo'),
    layout: 'standard',
    precision: 'fp32',
  });
});

afterAll(async () => {
  await Promise.all(sessions.map((session) => session.release()));
  rmSync(scratch, { recursive: true });
});

async function load(folder: string, graph: string): Promise<Session> {
  const path = join(folder, 'onnx', `${graph}.onnx`);
  const session = await openSession({ path, threads: 1, memory: 'return' });
  sessions.push(session);
  return session;
}

const converted = (model: string, graph: string) => load(join(scratch, model), graph);

async function encodeText(session: Session, expected: GoldenCase): Promise<Float32Array> {
  const shape = expected.shape('input_ids');
  const ids = expected.integers('input_ids');
  const mask = expected.has('attention_mask') ? expected.integers('attention_mask') : ids.map(() => 1);
  const feeds = { input_ids: idTensor(ids, shape), attention_mask: idTensor(mask, shape) };
  const { last_hidden_state } = await session.run(feeds, ['last_hidden_state']);
  return last_hidden_state?.data as Float32Array;
}

async function decodeAudio(session: Session, codes: readonly number[], shape: readonly number[]) {
  const { audio_values } = await session.run({ audio_codes: idTensor(codes, shape) }, ['audio_values']);
  return audio_values?.data as Float32Array;
}

function teacherForced(expected: GoldenCase): DecoderCase {
  const [rows = 0, columns = 0] = expected.shape('decoder_input_ids');
  return {
    ids: expected.integers('decoder_input_ids'),
    idShape: [rows, columns],
    states: expected.floats('encoder_hidden_states'),
    stateShape: expected.shape('encoder_hidden_states'),
    mask: expected.integers('encoder_attention_mask'),
  };
}

/** Guidance's unconditional rows: no text, all masked. */
function unconditional(expected: GoldenCase, rows: number, width: number): DecoderCase {
  const [idRows = 0, columns = 0] = expected.shape('decoder_input_ids');
  return {
    ids: expected.integers('decoder_input_ids'),
    idShape: [idRows, columns],
    states: new Float32Array(rows * width),
    stateShape: [rows, 1, width],
    mask: Array<number>(rows).fill(0),
  };
}

describe('the converted text encoder', () => {
  it.each(['text_encoder', 'text_encoder_long', 'text_encoder_empty'])(
    'equals Hugging Face: %s',
    async (name) => {
      const expected = golden('mono')(name);
      const states = await encodeText(await converted('mono', 'text_encoder'), expected);
      expect(maxDifference(states, expected.floats('last_hidden_state'))).toBeLessThan(tolerance.text);
    },
  );

  it('equals Hugging Face for the stereo checkpoint', async () => {
    const expected = golden('stereo')('generate_cfg3');
    const states = await encodeText(await converted('stereo', 'text_encoder'), expected);
    expect(maxDifference(states, expected.floats('encoder_last_hidden_state'))).toBeLessThan(tolerance.text);
  });
});

describe.each(['mono', 'stereo'] as const)('the converted %s decoder', (model) => {
  const expected = golden(model)('decoder_teacher_forced');
  const logits = expected.floats('logits');

  it('equals Hugging Face for all columns at once', async () => {
    const actual = await prefill(await converted(model, 'decoder_model_merged'), teacherForced(expected));
    expect(maxDifference(actual, logits)).toBeLessThan(tolerance.logits);
  });

  it('equals Hugging Face column by column with the cache', async () => {
    const actual = await stepByStep(await converted(model, 'decoder_model_merged'), teacherForced(expected));
    expect(maxDifference(actual, logits)).toBeLessThan(tolerance.logits);
  });

  it('returns the keys and values of the text once, and then none', async () => {
    const decoder = await converted(model, 'decoder_model_merged');
    const { it, first, pasts } = await prefillWithCache(decoder);
    const [, heads, , size] = decoder.inputShape('past_key_values.0.encoder.key').map(Number);
    expect(first['present.0.encoder.key']?.dims).toEqual([2, heads, it.stateShape[1], size]);
    expect(first['present.1.decoder.value']?.dims).toEqual([2, heads, it.idShape[1], size]);
    const column = idTensor(it.ids.slice(0, it.idShape[0]), [it.idShape[0], 1]);
    const feeds = { ...conditionOf(it), ...pasts, ...useCache(1), input_ids: column };
    const second = await decoder.run(feeds, decoder.outputs);
    expect(second['present.0.encoder.key']?.dims).toEqual([0, heads, 1, size]);
    expect(second['present.1.decoder.value']?.dims).toEqual([2, heads, it.idShape[1] + 1, size]);
  });

  it('refuses several columns with the cache rather than giving wrong logits', async () => {
    const decoder = await converted(model, 'decoder_model_merged');
    const { it, pasts } = await prefillWithCache(decoder);
    const feeds = { ...conditionOf(it), ...pasts, ...useCache(1), input_ids: idTensor(it.ids, it.idShape) };
    await expect(decoder.run(feeds, ['logits'])).rejects.toMatchObject({ code: 'generation_failed' });
  });

  async function prefillWithCache(decoder: Session) {
    const it = teacherForced(expected);
    const empty = emptyPasts(decoder, it);
    const feeds = { ...conditionOf(it), ...empty, ...useCache(0), input_ids: idTensor(it.ids, it.idShape) };
    const first = await decoder.run(feeds, decoder.outputs);
    return { it, first, pasts: nextPasts(empty, first, 0) };
  }
});

describe('the converted decoder without text', () => {
  it('equals Hugging Face under the null condition', async () => {
    const expected = golden('mono')('decoder_null_condition');
    const decoder = await converted('mono', 'decoder_model_merged');
    const actual = await prefill(decoder, unconditional(expected, 2, 64));
    expect(maxDifference(actual, expected.floats('logits'))).toBeLessThan(tolerance.logits);
  });
});

describe('the converted codec', () => {
  it.each([1, 2, 3, 25])('equals Hugging Face for %i frames', async (frames) => {
    const expected = golden('mono')(`encodec_decode_T${frames}`);
    const codec = await converted('mono', 'encodec_decode');
    const audio = await decodeAudio(codec, expected.integers('audio_codes'), expected.shape('audio_codes'));
    expect(maxDifference(audio, expected.floats('audio_values'))).toBeLessThan(tolerance.audio);
  });

  it('equals Hugging Face for 200 frames', async () => {
    const expected = golden('mono')('encodec_decode_T200');
    const codec = await converted('mono', 'encodec_decode');
    const audio = await decodeAudio(codec, expected.integers('audio_codes'), expected.shape('audio_codes'));
    const everySeventh = audio.filter((_, index) => index % 7 === 0);
    expect(maxDifference(everySeventh, expected.floats('audio_values_every7'))).toBeLessThan(tolerance.audio);
  });

  it.each([
    ['left', 0],
    ['right', 1],
  ])('equals Hugging Face for the %s channel of a stereo piece', async (_side, channel) => {
    const expected = golden('stereo')('generate_cfg3');
    const frames = expected.shape('audio_codes')[3] ?? 0;
    const codes = expected
      .integers('audio_codes')
      .filter((_, index) => Math.floor(index / frames) % 2 === channel);
    const audio = await decodeAudio(await converted('stereo', 'encodec_decode'), codes, [1, 1, 4, frames]);
    const samples = expected.floats('audio_values');
    const [start, end] = [channel * frames * 640, (channel + 1) * frames * 640];
    expect(maxDifference(audio, samples.subarray(start, end))).toBeLessThan(tolerance.audio);
  });
});

describe("Optimum's export of the same checkpoint", () => {
  it.each(['text_encoder', 'decoder_model_merged', 'encodec_decode'])(
    'has the inputs and outputs of our %s, in the same order and of the same shapes',
    async (graph) => {
      const [ours, theirs] = [await converted('mono', graph), await load(tinyModelFolder, graph)];
      expect(ours.inputs).toEqual(theirs.inputs);
      expect(ours.outputs).toEqual(theirs.outputs);
      for (const name of ours.inputs)
        expect([name, ours.inputShape(name)]).toEqual([name, theirs.inputShape(name)]);
    },
  );

  it('decodes the same logits', async () => {
    const it = teacherForced(golden('mono')('decoder_teacher_forced'));
    const theirs = await stepByStep(await load(tinyModelFolder, 'decoder_model_merged'), it);
    const ours = await stepByStep(await converted('mono', 'decoder_model_merged'), it);
    expect(maxDifference(ours, theirs)).toBeLessThan(tolerance.logits);
  });

  it('decodes the same audio, two pieces in a batch', async () => {
    const [codebooks, frames] = [4, 40];
    const codes = Array.from({ length: 2 * codebooks * frames }, (_, index) => (index * 37) % 128);
    const shape = [1, 2, codebooks, frames];
    const theirs = await decodeAudio(await load(tinyModelFolder, 'encodec_decode'), codes, shape);
    const ours = await decodeAudio(await converted('mono', 'encodec_decode'), codes, shape);
    expect(maxDifference(ours, theirs)).toBeLessThan(tolerance.audio);
  });
});

describe('the converted codec encoder', () => {
  it('picks the codes of Hugging Face, of audio that does not end with a whole frame', async () => {
    const expected = golden('mono')('encodec_encode');
    const encoder = await converted('mono', 'encodec_encode');
    const audio = new Tensor('float32', expected.floats('input_values'), expected.shape('input_values'));
    const { audio_codes } = await encoder.run({ input_values: audio }, ['audio_codes']);
    expect(audio_codes?.dims).toEqual(expected.shape('audio_codes'));
    expect(Array.from(audio_codes?.data as BigInt64Array, Number)).toEqual(expected.integers('audio_codes'));
  });

  it.each([1, 640, 641, 5000])('makes as many frames of %i samples as it takes', async (samples) => {
    const encoder = await converted('stereo', 'encodec_encode');
    const audio = new Tensor('float32', new Float32Array(2 * samples).fill(0.1), [2, 1, samples]);
    const { audio_codes } = await encoder.run({ input_values: audio }, ['audio_codes']);
    expect(audio_codes?.dims).toEqual([1, 2, 4, Math.ceil(samples / 640)]);
  });
});

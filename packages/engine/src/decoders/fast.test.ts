import { type FastModel, openFastModel } from '../../fixtures/fast-model.ts';
import { generateCodes } from '../../fixtures/generate-codes.ts';
import { frameMajor, golden, maxDifference } from '../../fixtures/golden.ts';
import { stepRows } from '../../fixtures/step-rows.ts';
import { Columns } from '../columns.ts';
import type { Condition } from '../text-encoder.ts';
import type { SequenceRows } from './decoder.ts';

const layouts = [
  ['mono', 4],
  ['mono', 64],
  ['stereo', 4],
] as const;

const greedy = { temperature: 0, topK: 0, topP: 1 };

describe.each(layouts)('the fast %s decoder with blocks of %i positions', (name, blockPositions) => {
  const teacherForced = golden(name)('decoder_teacher_forced');
  const [sequences = 0, columns = 0] = teacherForced.shape('decoder_input_ids');
  const [, , vocabSize = 0] = teacherForced.shape('logits');
  const ids = teacherForced.integers('decoder_input_ids');
  const [rows = 0, tokens = 0] = teacherForced.shape('encoder_hidden_states');
  const states = teacherForced.floats('encoder_hidden_states');
  const condition = { rows, tokens, states, mask: teacherForced.integers('encoder_attention_mask') };
  let model: FastModel;

  beforeAll(async () => {
    model = await openFastModel(name, { blockPositions });
  });

  afterAll(() => model.release());

  const span = (from: number, to: number) => ids.filter((_, at) => at % columns >= from && at % columns < to);
  const logitsOf = (column: number, of = teacherForced) =>
    of.floats('logits').filter((_, at) => Math.floor(at / vocabSize) % columns === column);

  it.each([1, 2, 5, 7])('gives the logits of Hugging Face after a prefill of %i columns', async (length) => {
    const logits = await stepRows(model.decoder, condition)(span(0, length), length);
    expect(logits).toHaveLength(sequences * vocabSize);
    expect(maxDifference(logits, logitsOf(length - 1))).toBeLessThan(1e-3);
  });

  it.each([0, 1, 4])('gives them column by column after a prefill of %i', async (prefilled) => {
    const pass = stepRows(model.decoder, condition);
    if (prefilled > 0) await pass(span(0, prefilled), prefilled);
    for (let at = prefilled; at < columns; at++) {
      expect(maxDifference(await pass(span(at, at + 1), 1), logitsOf(at))).toBeLessThan(1e-3);
    }
  });

  it('takes several columns on top of its cache', async () => {
    const pass = stepRows(model.decoder, condition);
    await pass(span(0, 2), 2);
    expect(maxDifference(await pass(span(2, 6), 4), logitsOf(5))).toBeLessThan(1e-3);
  });
});

describe('the fast decoder of musicgen-tiny', () => {
  const mono = golden('mono');
  let model: FastModel;

  beforeAll(async () => {
    model = await openFastModel('mono', { blockPositions: 8 });
  });

  afterAll(() => model.release());

  function conditionOf(name: string): Condition {
    // Both prompts of the text encoder's case, the second padded: those of the generated cases.
    const states = mono('text_encoder').floats('last_hidden_state');
    const mask = mono('text_encoder').integers('attention_mask');
    const row = name.includes('p1') ? 1 : 0;
    const length = states.length / 2;
    return {
      rows: 1,
      tokens: 7,
      states: states.slice(row * length, (row + 1) * length),
      mask: mask.slice(row * 7, (row + 1) * 7),
    };
  }

  const nothing: Condition = { rows: 1, tokens: 1, states: new Float32Array(64), mask: [0] };
  const expectedCodes = (name: string) => frameMajor(mono(name).integers('audio_codes'), 4);

  async function generate(rows: SequenceRows, codes: Uint16Array, known = 0): Promise<number[]> {
    const settings = { ...greedy, guidanceScale: 3 };
    await generateCodes({ rows, settings, seed: 1, codes, known }, model);
    return Array.from(codes);
  }

  it.each([
    ['generate_p0_cfg3', 'nothing'],
    ['generate_p1_cfg3', 'nothing'],
    ['generate_p0_cfg1', undefined],
  ] as const)('picks the codes of Hugging Face for %s', async (name, against) => {
    const codes = await generate({ condition: conditionOf(name), against }, new Uint16Array(61 * 4));
    expect(codes).toEqual(expectedCodes(name));
  });

  it('picks them without any text', async () => {
    expect(await generate({ condition: nothing }, new Uint16Array(17 * 4))).toEqual(
      expectedCodes('generate_unconditional'),
    );
  });

  it('picks them when it goes on from the codes of a prompt', async () => {
    const prompt = frameMajor(mono('generate_p1_continuation').integers('decoder_input_ids'), 4);
    const codes = new Uint16Array(27 * 4);
    codes.set(prompt);
    const rows = { condition: conditionOf('p1'), against: 'nothing' } as const;
    expect(await generate(rows, codes, prompt.length / 4)).toEqual(expectedCodes('generate_p1_continuation'));
  });

  it.each([1, 7, 8, 30, 60])('picks the same codes when it resumes after %i frames', async (known) => {
    const whole = expectedCodes('generate_p0_cfg3');
    const codes = new Uint16Array(61 * 4);
    codes.set(whole.slice(0, known * 4));
    const rows = { condition: conditionOf('p0'), against: 'nothing' } as const;
    expect(await generate(rows, codes, known)).toEqual(whole);
  });

  it('attends to a negative prompt as to any text', async () => {
    const rows = { condition: conditionOf('p0'), against: conditionOf('p0') };
    // Guidance between a prompt and itself is the prompt alone.
    expect(await generate(rows, new Uint16Array(61 * 4))).toEqual(expectedCodes('generate_p0_cfg1'));
  });

  it('gives each of several sequences of different ages the codes it has alone', async () => {
    const wanted = ['generate_p0_cfg3', 'generate_p1_cfg3', 'generate_p0_cfg1', 'generate_unconditional'];
    const pieces = wanted.map((name) => {
      const condition = name === 'generate_unconditional' ? nothing : conditionOf(name);
      const guided = name.endsWith('cfg3');
      const frames = name === 'generate_unconditional' ? 17 : 61;
      const codes = new Uint16Array(frames * 4);
      const settings = { ...greedy, guidanceScale: guided ? 3 : 1 };
      const job = {
        rows: { condition, ...(guided && { against: 'nothing' as const }) },
        settings,
        seed: 1,
        codes,
      };
      return { name, codes, columns: new Columns({ ...job, known: 0 }, model) };
    });
    // Every eleventh step one more joins; the short one leaves first, from the middle of the cache.
    for (let step = 0; pieces.some(({ columns }) => !columns.isDone); step++) {
      const active = pieces.filter(({ columns }, index) => step >= 11 * (3 - index) && !columns.isDone);
      const logits = await model.decoder.step(active.map(({ columns }) => columns.next()));
      for (const [index, { columns }] of active.entries()) columns.take(logits[index] as Float32Array);
    }
    for (const { name, codes } of pieces)
      expect([name, Array.from(codes)]).toEqual([name, expectedCodes(name)]);
  });

  it('is not disturbed by a sequence that reserves room between two of its steps', async () => {
    const sequence = model.decoder.open({ condition: nothing });
    const step = async () => {
      const [logits] = await model.decoder.step([{ sequence, ids: new Int32Array(4).fill(7), columns: 1 }]);
      return Array.from(logits ?? []);
    };
    const undisturbed = [await step(), await step(), await step()];
    sequence.release();
    const again = model.decoder.open({ condition: nothing });
    const ids = new Int32Array(4).fill(7);
    const disturbed: number[][] = [];
    for (let at = 0; at < 3; at++) {
      const [logits] = await model.decoder.step([{ sequence: again, ids, columns: 1 }]);
      disturbed.push(Array.from(logits ?? []));
      if (at === 0) model.decoder.open({ condition: nothing }, 1000).release();
      if (at === 1) model.decoder.open({ condition: nothing }, 2000);
    }
    expect(disturbed).toEqual(undisturbed);
  });

  it('says so when a released sequence is stepped', async () => {
    const sequence = model.decoder.open({ condition: nothing });
    sequence.release();
    const input = { sequence, ids: new Int32Array(4), columns: 1 };
    await expect(model.decoder.step([input])).rejects.toMatchObject({ code: 'internal' });
  });
});

describe('the fast decoder of a stereo model', () => {
  it('picks the codes of Hugging Face', async () => {
    const model = await openFastModel('stereo', { blockPositions: 8 });
    const expected = golden('stereo')('generate_cfg3');
    const states = expected.floats('encoder_last_hidden_state');
    const condition = { rows: 1, tokens: 7, states, mask: Array<number>(7).fill(1) };
    const codes = new Uint16Array(21 * 8);
    const rows = { condition, against: 'nothing' } as const;
    const settings = { ...greedy, guidanceScale: 3 };
    await generateCodes({ rows, settings, seed: 1, codes, known: 0 }, model);
    expect(Array.from(codes)).toEqual(frameMajor(expected.integers('audio_codes'), 8));
    await model.release();
  });
});

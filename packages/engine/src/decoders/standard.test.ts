import { golden, maxDifference, tinyModelFolder } from '../../fixtures/golden.ts';
import { stepRows } from '../../fixtures/step-rows.ts';
import { frameAt } from '../delay-pattern.ts';
import { loadModel, type Model, releaseModel } from '../model.ts';
import { readModelFolder } from '../model-folder.ts';
import { applyGuidance, pickBest } from '../sampler.ts';
import type { Condition } from '../text-encoder.ts';
import { openStandardDecoder } from './standard.ts';

const mono = golden('mono');
const vocabSize = 128;
const sequences = 8;
const columns = 9;
const rows = 2;
let model: Model;

beforeAll(async () => {
  model = await loadModel({ modelFolder: tinyModelFolder, threads: 1 });
});

afterAll(() => releaseModel(model));

const teacherForced = mono('decoder_teacher_forced');
const condition: Condition = {
  rows,
  tokens: 7,
  states: teacherForced.floats('encoder_hidden_states'),
  mask: teacherForced.integers('encoder_attention_mask'),
};
const nullCondition: Condition = {
  rows,
  tokens: 1,
  states: new Float32Array(rows * 64),
  mask: [0, 0],
};

/** Columns `from` up to but without `to` of ids [sequences, columns]. */
function span(ids: number[], from: number, to: number): number[] {
  return ids.filter((_, at) => at % columns >= from && at % columns < to);
}

/** Logits of one column, [sequences, vocabulary], from [sequences, columns, vocabulary]. */
function column(logits: Float32Array, index: number): Float32Array {
  return logits.filter((_, at) => Math.floor(at / vocabSize) % columns === index);
}

describe('the standard decoder, teacher-forced', () => {
  const ids = teacherForced.integers('decoder_input_ids');

  it.each([1, 2, 5, 9])('gives the logits of Hugging Face after a prefill of %i columns', async (length) => {
    const logits = await stepRows(model.decoder, condition)(span(ids, 0, length), length);
    expect(logits).toHaveLength(sequences * vocabSize);
    expect(maxDifference(logits, column(teacherForced.floats('logits'), length - 1))).toBeLessThan(1e-3);
  });

  it('gives the same logits column by column with its cache', async () => {
    const pass = stepRows(model.decoder, condition);
    for (let at = 0; at < columns; at++) {
      const logits = await pass(span(ids, at, at + 1), 1);
      expect(maxDifference(logits, column(teacherForced.floats('logits_stepwise'), at))).toBeLessThan(1e-3);
    }
  });

  it('goes on column by column after a prefill', async () => {
    const pass = stepRows(model.decoder, condition);
    await pass(span(ids, 0, 4), 4);
    for (let at = 4; at < columns; at++) {
      const logits = await pass(span(ids, at, at + 1), 1);
      expect(maxDifference(logits, column(teacherForced.floats('logits'), at))).toBeLessThan(1e-3);
    }
  });

  it('says so when a config promises another vocabulary', async () => {
    const { graphs, config } = await readModelFolder(tinyModelFolder);
    const wrong = { ...config, vocabSize: 64 };
    const options = { path: graphs.decoder, threads: 1, memory: 'keep' } as const;
    const decoder = await openStandardDecoder(options, wrong);
    await expect(stepRows(decoder, condition)(span(ids, 0, 1), 1)).rejects.toMatchObject({
      code: 'generation_failed',
      message: 'onnx/decoder_model_merged.onnx returned 512 logits where config.json promises 256',
    });
    await decoder.release();
  });

  it('gives the logits of Hugging Face without a condition', async () => {
    const expected = mono('decoder_null_condition');
    const pass = stepRows(model.decoder, nullCondition);
    const nullIds = expected.integers('decoder_input_ids');
    for (let at = 0; at < columns; at++) {
      const logits = await pass(span(nullIds, at, at + 1), 1);
      expect(maxDifference(logits, column(expected.floats('logits'), at))).toBeLessThan(1e-3);
    }
  });
});

/** Steps through what Hugging Face has generated, [batch · codebooks, columns], and hands every column's logits over. */
async function replay(
  run: { name: string; steps: number },
  check: (column: number, guidedRows: Float32Array[]) => void,
): Promise<void> {
  const expected = mono(run.name);
  const [batch = 0, tokens = 0] = expected.shape('input_ids');
  const mask = expected.integers('attention_mask');
  const ids = expected.integers('input_ids');
  const prompts = Array.from({ length: batch }, (_, row) =>
    ids.filter((_id, at) => Math.floor(at / tokens) === row && mask[at] === 1),
  );
  const pieces = await Promise.all(
    prompts.map(async (prompt) =>
      model.decoder.open({ condition: await model.textEncoder.encode([prompt]), against: 'nothing' }),
    ),
  );
  const sequences = expected.integers('sequences_delayed');
  for (let at = 0; at < run.steps; at++) {
    const inputs = pieces.map((sequence, piece) => ({
      sequence,
      columns: 1,
      ids: Int32Array.from({ length: 4 }, (_, codebook) => {
        const frame = frameAt({ codebooks: 4, channels: 1 }, codebook, at);
        return frame < 0 || frame >= 61 ? 128 : (sequences[(piece * 4 + codebook) * 65 + at] as number);
      }),
    }));
    check(at, (await model.decoder.step(inputs)).flatMap(guide));
  }
}

/** The guided scores of each codebook, from the logits of a piece's two rows. */
function guide(logits: Float32Array): Float32Array[] {
  return Array.from({ length: 4 }, (_, codebook) => {
    const row = (index: number) => logits.slice(index * vocabSize, (index + 1) * vocabSize);
    const scores = row(codebook);
    applyGuidance(scores, row(4 + codebook), 3);
    return scores;
  });
}

describe('the standard decoder with guidance', () => {
  it('picks the codes of Hugging Face for two prompts in one step', async () => {
    const sequences = mono('generate_batch_cfg3').integers('sequences_delayed');
    let steps = 0;
    await replay({ name: 'generate_batch_cfg3', steps: 64 }, (at, guidedRows) => {
      expect(guidedRows.map(pickBest)).toEqual(guidedRows.map((_, row) => sequences[row * 65 + at + 1]));
      steps++;
    });
    expect(steps).toBe(64);
  });

  it('has the scores of Hugging Face over the first 16 steps', async () => {
    const scores = mono('generate_p0_cfg3').floats('guided_scores_first16');
    await replay({ name: 'generate_p0_cfg3', steps: 16 }, (at, guidedRows) => {
      for (const [row, guided] of guidedRows.entries()) {
        const start = (row * 16 + at) * vocabSize;
        expect(maxDifference(guided, scores.subarray(start, start + vocabSize))).toBeLessThan(5e-3);
      }
    });
  });
});

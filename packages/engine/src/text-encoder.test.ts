import { golden, maxDifference, tinyModelFolder } from '../fixtures/golden.ts';
import { openTextEncoder, type PromptEncoder, stackConditions, withoutText } from './text-encoder.ts';

const mono = golden('mono');
let encoder: PromptEncoder;

beforeAll(async () => {
  encoder = await openTextEncoder({
    path: `${tinyModelFolder}/onnx/text_encoder.onnx`,
    threads: 1,
    memory: 'return',
  });
});

afterAll(() => encoder.release());

describe('the text encoder', () => {
  it('equals Hugging Face for two prompts of different length in one batch', async () => {
    const expected = mono('text_encoder');
    const [, tokens = 0] = expected.shape('input_ids');
    const mask = expected.integers('attention_mask');
    const ids = expected.integers('input_ids');
    const prompts = [0, 1].map((row) =>
      ids.filter((_, at) => Math.floor(at / tokens) === row && mask[at] === 1),
    );
    const condition = await encoder.encode(prompts);
    expect(condition.mask).toEqual(mask);
    expect(maxDifference(condition.states, expected.floats('last_hidden_state'))).toBeLessThan(1e-4);
  });

  it.each(['text_encoder_long', 'text_encoder_empty'])('equals Hugging Face for %s', async (name) => {
    const expected = mono(name);
    const { states } = await encoder.encode([expected.integers('input_ids')]);
    expect(maxDifference(states, expected.floats('last_hidden_state'))).toBeLessThan(1e-4);
  });

  it('masks the whole of a prompt without ids', async () => {
    const { tokens, mask } = await encoder.encode([[]]);
    expect([tokens, mask]).toEqual([1, [0]]);
  });
});

describe('the rows of a sequence', () => {
  const condition = { rows: 1, tokens: 2, states: Float32Array.of(1, 2, 3, 4, 5, 6), mask: [1, 1] };

  it('without text are zeros under a mask of zeros', () => {
    expect(stackConditions([condition, withoutText(condition)])).toEqual({
      rows: 2,
      tokens: 2,
      states: Float32Array.of(1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0),
      mask: [1, 1, 0, 0],
    });
  });

  it('of different lengths are padded on the right, out of sight', () => {
    const shorter = { rows: 1, tokens: 1, states: Float32Array.of(7, 8, 9), mask: [1] };
    expect(stackConditions([shorter, condition])).toEqual({
      rows: 2,
      tokens: 2,
      states: Float32Array.of(7, 8, 9, 0, 0, 0, 1, 2, 3, 4, 5, 6),
      mask: [1, 0, 1, 1],
    });
  });
});

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeAll } from '../fixtures/decode-all.ts';
import { generateCodes } from '../fixtures/generate-codes.ts';
import { fixture, frameMajor, golden, maxDifference, tinyModelFolder } from '../fixtures/golden.ts';
import { stepRows } from '../fixtures/step-rows.ts';
import { convertCheckpoint } from './convert/convert-checkpoint.ts';
import { frameAt } from './delay-pattern.ts';
import { type Batch, createBatch } from './generate.ts';
import { loadModel, type Model, releaseModel } from './model.ts';

const stereo = golden('stereo');
const vocabSize = 64;
const codebooks = 8;
let scratch: string;
let model: Model;
let generate: Batch['generate'];

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'musicgen-stereo-'));
  const folder = join(scratch, 'stereo');
  await convertCheckpoint({
    source: fixture('stereo'),
    target: folder,
    layout: 'standard',
    precision: 'fp32',
  });
  // The checkpoint comes without a tokenizer; its text encoder knows as many ids as that of musicgen-tiny.
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    await cp(join(tinyModelFolder, file), join(folder, file));
  }
  model = await loadModel({ modelFolder: folder, threads: 1 });
  generate = createBatch(model, { slots: 1 }).generate;
});

afterAll(async () => {
  await releaseModel(model);
  await rm(scratch, { recursive: true });
});

describe('a stereo model', () => {
  it('gives the logits of Hugging Face, teacher-forced', async () => {
    const expected = stereo('decoder_teacher_forced');
    const [sequences = 0, columns = 0] = expected.shape('decoder_input_ids');
    const ids = expected.integers('decoder_input_ids');
    const pass = stepRows(model.decoder, {
      rows: 2,
      tokens: 7,
      states: expected.floats('encoder_hidden_states'),
      mask: expected.integers('encoder_attention_mask'),
    });
    for (let column = 0; column < columns; column++) {
      const fed = ids.filter((_, at) => at % columns === column);
      const wanted = expected
        .floats('logits')
        .filter((_, at) => Math.floor(at / vocabSize) % columns === column);
      const logits = await pass(fed, 1);
      expect(logits).toHaveLength(sequences * vocabSize);
      expect(maxDifference(logits, wanted)).toBeLessThan(1e-3);
    }
  });

  it('generates the codes and the audio of Hugging Face, left and right', async () => {
    const expected = stereo('generate_cfg3');
    const condition = await model.textEncoder.encode([expected.integers('input_ids')]);
    expect(maxDifference(condition.states, expected.floats('encoder_last_hidden_state'))).toBeLessThan(1e-4);
    const codes = new Uint16Array(21 * codebooks);
    const settings = { guidanceScale: 3, temperature: 0, topK: 0, topP: 1 };
    const rows = { condition, against: 'nothing' } as const;
    await generateCodes({ rows, settings, seed: 1, codes, known: 0 }, model);
    expect(Array.from(codes)).toEqual(frameMajor(expected.integers('audio_codes'), codebooks));

    const audio = await decodeAll(model.codec, codes, 21);
    expect(audio).toHaveLength(2);
    const [left = [], right = []] = audio;
    const wanted = expected.floats('audio_values');
    expect(maxDifference([...left, ...right], wanted)).toBeLessThan(2e-5);
  });

  it('reads the delayed sequences of Hugging Face as the same codes', () => {
    const expected = stereo('generate_cfg3');
    const sequences = expected.integers('sequences_delayed');
    const columns = 25;
    const codes = new Uint16Array(21 * codebooks);
    for (const [at, id] of sequences.entries()) {
      const codebook = Math.floor(at / columns);
      const frame = frameAt({ codebooks, channels: 2 }, codebook, at % columns);
      if (frame >= 0 && frame < 21) codes[frame * codebooks + codebook] = id;
    }
    expect(Array.from(codes)).toEqual(frameMajor(expected.integers('audio_codes'), codebooks));
  });

  it('makes a piece with two channels, over several windows', async () => {
    const request = { prompt: 'wide synth pads', durationSeconds: 4, seed: 5 };
    const piece = await generate(request);
    expect(piece.samples.map((channel) => channel.length)).toEqual([128_000, 128_000]);
    expect(maxDifference(piece.samples[0] ?? [], piece.samples[1] ?? [])).toBeGreaterThan(0.01);
    const resumed = await generate(request, {
      checkpoint: piece.checkpoint.subarray(0, 8 + 16 * 130),
    });
    expect(resumed.checkpoint.equals(piece.checkpoint)).toBe(true);
  });
});

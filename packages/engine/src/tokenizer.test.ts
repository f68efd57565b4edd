import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { fixture, tinyModelFolder } from '../fixtures/golden.ts';
import { loadTokenizer } from './tokenizer.ts';

interface TokenizerCase {
  text: string;
  ids: number[];
}

const { cases }: { cases: TokenizerCase[] } = JSON.parse(readFileSync(fixture('t5/cases.json'), 'utf8'));
const t5Vocabulary = 32_128;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'musicgen-tokenizer-'));
  writeFileSync(join(folder, 'tokenizer.json'), gunzipSync(readFileSync(fixture('t5/tokenizer.json.gz'))));
});

afterAll(() => rmSync(folder, { recursive: true }));

function writeConfig(config: object): void {
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
}

describe('the T5 tokenizer', () => {
  it('gives the ids of Hugging Face for all 49 strings', async () => {
    writeConfig({ tokenizer_class: 'T5Tokenizer' });
    const tokenize = await loadTokenizer(folder, t5Vocabulary);
    expect(cases).toHaveLength(49);
    for (const { text, ids } of cases) expect([text, tokenize(text).ids]).toEqual([text, ids]);
  });

  it('cuts what is longer than model_max_length, and keeps the end-of-sequence id', async () => {
    writeConfig({ tokenizer_class: 'T5Tokenizer', model_max_length: 512 });
    const tokenize = await loadTokenizer(folder, t5Vocabulary);
    const { ids, truncated } = tokenize('drums '.repeat(1000));
    expect(truncated).toBe(true);
    expect(ids).toHaveLength(512);
    expect(ids.at(-1)).toBe(1);
    expect(tokenize('drums').truncated).toBe(false);
  });

  it.each([
    [512, 'knows only 512'],
    [32_099, 'knows only 32099'],
    [256_384, 'knows 256384'],
  ])('is refused for a text encoder of %i ids', async (rows, knows) => {
    await expect(loadTokenizer(folder, rows)).rejects.toMatchObject({
      code: 'model_load_failed',
      message: `tokenizer.json has ids up to 32099, but the text encoder ${knows}: it belongs to another model`,
    });
  });
});

describe('the tokenizer of musicgen-tiny', () => {
  it.each([
    '',
    '  ',
    'lofi hip hop, 85 bpm',
    '🎸🔥',
    'مرحبا بالعالم',
    '日本の音楽',
    'a\n\tb\u0000',
    '<pad> </s> <unk>',
  ])('has ids below 512 for %j', async (prompt) => {
    const tokenize = await loadTokenizer(tinyModelFolder, 512);
    const { ids } = tokenize(prompt);
    expect(ids.at(-1)).toBe(1);
    expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < 512)).toBe(true);
  });
});

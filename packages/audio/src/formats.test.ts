import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { AudioFormat, Provenance } from '@musicgen/contract';
import { decodeWav } from './decode-wav.ts';
import { readProvenance } from './read-provenance.ts';
import { finishPieceInThread, renderInThread } from './run-in-thread.ts';

// Threads and processes on a machine that may be busy.
jest.setTimeout(120_000);

const sampleRate = 32_000;
/** Longer than an Ogg page, and than what one frame of an ID3 tag's size byte can say. */
const prompt = `Klavier ♪ für Elise, "lofi" ${'und so weiter '.repeat(130)}`.trim();
const provenance: Provenance = {
  software: 'musicgen-service 0.1.0',
  task_id: '0193a3f4-0000-7000-8000-000000000000',
  model: 'musicgen-micro',
  licence: 'CC0-1.0',
  prompt,
  seed: 2 ** 53 - 1,
  parameters: { duration: 2, temperature: 1, top_k: 250 },
};

interface ReadBack {
  seconds: number;
  sampleRate: number;
  channels: number;
  title?: string;
  comment?: string[];
  tags: [string, string][];
  samples: string[];
}

/** A sweep on the left, a tone on the right: nothing repeats, so a shift or a swap would be seen. */
function stereoPiece(): Float32Array[] {
  const length = 2 * sampleRate;
  const left = new Float32Array(length);
  const right = new Float32Array(length);
  for (let index = 0; index < length; index++) {
    const seconds = index / sampleRate;
    left[index] = 0.5 * Math.sin(2 * Math.PI * (200 + 400 * seconds) * seconds);
    right[index] = 0.25 * Math.sin(2 * Math.PI * 440 * seconds);
  }
  return [left, right];
}

/** What a library that is not ours reads from the file. */
async function readBack(file: Uint8Array, format: AudioFormat) {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-audio-'));
  const path = join(folder, `piece.${format}`);
  await writeFile(path, file);
  const script = fileURLToPath(new URL('../fixtures/read-back.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, path], {
    maxBuffer: 64 * 1024 * 1024,
  });
  await rm(folder, { recursive: true });
  const { samples, ...read } = JSON.parse(stdout) as ReadBack;
  return { ...read, samples: samples.map(floats) };
}

function floats(base64: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return new Float32Array(bytes.buffer);
}

/** How alike two signals are once one is shifted by `delay` samples: 1 for the same, whatever its volume. */
function similarity(original: Float32Array, decoded: Float32Array, delay: number): number {
  let [product, first, second] = [0, 0, 0];
  for (let index = 0; index < original.length && index + delay < decoded.length; index++) {
    const [x, y] = [original[index] as number, decoded[index + delay] as number];
    product += x * y;
    first += x * x;
    second += y * y;
  }
  return product / Math.sqrt(first * second);
}

/** LAME's encoder delay and mpg123's decoder delay shift the piece a little. */
function bestSimilarity(original: Float32Array, decoded: Float32Array): number {
  let best = -1;
  for (let delay = 0; delay < 2400; delay++)
    best = Math.max(best, similarity(original.subarray(8000, 9000), decoded.subarray(8000), delay));
  return best;
}

async function finish(format: AudioFormat, tagged?: Provenance) {
  const samples = stereoPiece();
  return finishPieceInThread({ samples, sampleRate, format, provenance: tagged });
}

describe.each(['wav', 'flac', 'mp3', 'ogg'] as const)('as %s', (format) => {
  test('the piece has its length, rate and channels, and says to every reader what it is', async () => {
    const { wav, other } = await finish(format, provenance);
    const read = await readBack(other ?? wav, format);
    expect([read.sampleRate, read.channels]).toEqual([sampleRate, 2]);
    // MP3 frames have 1152 samples, and LAME adds two.
    expect(Math.abs(read.seconds - 2)).toBeLessThan(format === 'mp3' ? 0.12 : 0.001);
    expect(read.title).toMatch(/^Klavier ♪ für Elise, "lofi".*…$/);
    expect(read.comment).toEqual([expect.stringContaining('AI-generated')]);
    const values = new Map(read.tags.map(([id, value]) => [id.replace('TXXX:', ''), value]));
    expect(values.get('PROMPT')).toBe(prompt);
    expect(values.get('SEED')).toBe(String(provenance.seed));
    expect(values.get('MODEL_LICENSE')).toBe('CC0-1.0');
    expect(values.get('DIGITALSOURCETYPE')).toContain('trainedAlgorithmicMedia');
  });

  test('it tells our own reader everything, also when it comes byte by byte', async () => {
    const { wav, other } = await finish(format, provenance);
    const file = Buffer.from(other ?? wav);
    expect(await readProvenance(Readable.from([file]))).toEqual({ format, made_by: provenance });
    const bytes = Readable.from(
      [...file.subarray(0, 60_000), file.subarray(60_000)].map((part) =>
        Buffer.from(typeof part === 'number' ? [part] : part),
      ),
    );
    expect(await readProvenance(bytes)).toEqual({ format, made_by: provenance });
  });

  test('without tags it tells nothing', async () => {
    const { wav, other } = await finish(format);
    const file = Buffer.from(other ?? wav);
    expect(file.includes('Klavier') || file.includes('AI-generated')).toBe(false);
    expect(await readProvenance(Readable.from([file]))).toEqual({ format, made_by: null });
  });
});

test('FLAC holds the very samples of the WAV file, with their checksum', async () => {
  const { wav, other } = await finish('flac');
  const read = await readBack(other ?? Buffer.alloc(0), 'flac');
  expect(read.samples).toEqual(decodeWav(wav).samples);
});

test.each(['mp3', 'ogg'] as const)('%s sounds like the original, on the same sides', async (format) => {
  const { other } = await finish(format);
  const { samples } = await readBack(other ?? Buffer.alloc(0), format);
  for (const [channel, original] of stereoPiece().entries()) {
    expect(bestSimilarity(original, samples[channel] ?? new Float32Array())).toBeGreaterThan(0.99);
  }
});

test.each(['flac', 'mp3', 'ogg'] as const)(
  '%s made later from the WAV file is the same file',
  async (format) => {
    const { wav, other } = await finish(format, provenance);
    expect(Buffer.from(await renderInThread(wav, format)).equals(other ?? Buffer.alloc(0))).toBe(true);
  },
);

test('the checksum of the samples is the same whatever the tags say', async () => {
  const [tagged, untagged] = [await finish('wav', provenance), await finish('wav')];
  expect(tagged.samplesSha256).toBe(untagged.samplesSha256);
  expect(tagged.wav.length).toBeGreaterThan(untagged.wav.length);
});

test('a mono piece is encoded in every format', async () => {
  const samples = [stereoPiece()[0] ?? new Float32Array()];
  for (const format of ['flac', 'mp3', 'ogg'] as const) {
    const { other } = await finishPieceInThread({ samples, sampleRate, format, provenance });
    expect((await readBack(other ?? Buffer.alloc(0), format)).channels).toBe(1);
  }
});

test('what is no WAV file fails the job, and says so', async () => {
  await expect(renderInThread(Buffer.from('not audio'), 'mp3')).rejects.toMatchObject({
    code: 'encoding_failed',
  });
});

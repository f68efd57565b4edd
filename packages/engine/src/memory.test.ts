import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fixture, tinyModelFolder } from '../fixtures/golden.ts';
import { writeHollowCheckpoint } from '../fixtures/hollow-checkpoint.ts';
import { convertCheckpoint } from './convert/convert-checkpoint.ts';

const megabyte = 2 ** 20;

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'memory-'));
});

afterAll(() => rmSync(scratch, { recursive: true }));

/** Runs a program that knows our modules by name in a process of its own; returns the most memory it has had, in MB. */
async function peakMemory(modules: Record<string, string>, program: string): Promise<number> {
  const imports = Object.entries(modules).map(([name, path]) => {
    return `import { ${name} } from ${JSON.stringify(new URL(`../dist/${path}`, import.meta.url).href)};`;
  });
  const report = 'console.log(process.resourceUsage().maxRSS * 1024);';
  const source = [...imports, program, report].join('\n');
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source]);
  return Number(stdout) / megabyte;
}

describe('a piece', () => {
  let model: string;

  beforeAll(async () => {
    model = join(scratch, 'mono');
    await convertCheckpoint({ source: fixture('mono'), target: model, layout: 'fast', precision: 'fp32' });
    for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
      cpSync(join(tinyModelFolder, file), join(model, file));
    }
  });

  /** From a checkpoint just before its end: what is left is a last window and all of the audio. */
  const peakOf = (seconds: number) =>
    peakMemory(
      { loadModel: 'model.js', createBatch: 'generate.js', writeCheckpoint: 'checkpoint.js' },
      `
      const model = await loadModel({ modelFolder: ${JSON.stringify(model)}, threads: 1 });
      const frames = ${seconds} * 50;
      const codes = Uint16Array.from({ length: 4 * frames }, (_, index) => (index * index * 7) % 128);
      const checkpoint = writeCheckpoint(codes, frames - 2, { codebooks: 4, vocabSize: 128 });
      const request = { prompt: 'x', durationSeconds: ${seconds}, seed: 1 };
      const piece = await createBatch(model, { slots: 1 }).generate(request, { checkpoint });
      if (piece.samples[0].length !== frames * 640) throw new Error('The piece is not whole');
      `,
    );

  it('of 300 s takes no more memory than one of 30 s, but for its samples, which are kept once', async () => {
    // The better of two: what garbage there is by chance counts too.
    const [short, long] = [await peakOf(30), Math.min(await peakOf(300), await peakOf(300))];
    const samples = (270 * 32_000 * Float32Array.BYTES_PER_ELEMENT) / megabyte;
    // In one run, the codec of even this tiny model would take 490 MB more for them.
    expect(long - short).toBeLessThan(samples + 20);
  });
});

describe('a conversion', () => {
  function checkpointOf(layers: number): string {
    const folder = join(scratch, `layers-${layers}`);
    writeHollowCheckpoint(folder, layers);
    return folder;
  }

  const peakOf = (layers: number) =>
    peakMemory(
      { convertCheckpoint: 'convert/convert-checkpoint.js' },
      `
      const source = ${JSON.stringify(checkpointOf(layers))};
      await convertCheckpoint({ source, target: source + '-int4', layout: 'fast', precision: 'int4' });
      `,
    );

  it('reads one tensor at a time: 64 layers take no more memory than four', async () => {
    const [few, many] = [await peakOf(4), await peakOf(64)];
    // 60 layers of a million numbers, which are float32 once they are read, would be 240 MB.
    expect(many - few).toBeLessThan(80);
  });
});

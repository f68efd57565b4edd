import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { type ChangedCheckpoint, copyCheckpoint } from '../../fixtures/changed-checkpoint.ts';
import { fixture, tinyModelFolder } from '../../fixtures/golden.ts';
import { readSafetensors, writeSafetensors } from '../../fixtures/safetensors.ts';
import { readModelFolder } from '../model-folder.ts';
import { type ConversionProgress, convertCheckpoint } from './convert-checkpoint.ts';

const graphs = [
  'onnx/text_encoder.onnx',
  'onnx/decoder_model_merged.onnx',
  'onnx/encodec_decode.onnx',
  'onnx/encodec_encode.onnx',
];

let checkpoint: ChangedCheckpoint;

beforeEach(() => {
  checkpoint = copyCheckpoint();
});

afterEach(() => checkpoint.remove());

interface Graph {
  length: number;
  sha256: string;
}

/** The graphs of the checkpoint as it is now. */
async function convert(): Promise<Graph[]> {
  await convertCheckpoint(checkpoint);
  return readGraphs(checkpoint.target);
}

/** The graphs of the unchanged checkpoint. */
async function convertOriginal(): Promise<Graph[]> {
  const original = join(checkpoint.scratch, 'original');
  await convertCheckpoint({
    source: fixture('stereo'),
    target: original,
    layout: 'standard',
    precision: 'fp32',
  });
  return readGraphs(original);
}

function readGraphs(folder: string): Graph[] {
  return graphs.map((file) => {
    const bytes = readFileSync(join(folder, file));
    return { length: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
}

function renameWeights(rename: (name: string) => string) {
  checkpoint.changeWeights((tensors) =>
    Object.fromEntries(Object.entries(tensors).map(([name, it]) => [rename(name), it])),
  );
}

describe('convertCheckpoint', () => {
  it('writes the graphs and copies the files that are there, and nothing else', async () => {
    const progress: ConversionProgress[] = [];
    await convertCheckpoint({ ...checkpoint, onProgress: (now) => progress.push(now) });
    expect(readdirSync(checkpoint.target).sort()).toEqual(['config.json', 'generation_config.json', 'onnx']);
    expect(
      readdirSync(join(checkpoint.target, 'onnx'))
        .map((file) => `onnx/${file}`)
        .sort(),
    ).toEqual([...graphs].sort());
    expect(readdirSync(join(checkpoint.scratch, 'models'))).toEqual(['converted']);
    expect([...new Set(progress.map(({ name }) => name))]).toEqual(graphs);
    const last = progress.at(-1);
    expect(last?.done).toBe(last?.total);
  });

  it('takes the names of newer PyTorch and the tied embedding under its other name', async () => {
    renameWeights((name) =>
      name
        .replace('weight_g', 'parametrizations.weight.original0')
        .replace('weight_v', 'parametrizations.weight.original1')
        .replace('text_encoder.shared', 'text_encoder.encoder.embed_tokens'),
    );
    const [, ...graphs] = await convert();
    const [, ...originals] = await convertOriginal();
    expect(graphs).toEqual(originals);
    // The embedding keeps the name it has in the checkpoint, so the text encoder differs in that name.
    expect(
      readFileSync(join(checkpoint.target, 'onnx/text_encoder.onnx')).includes('encoder.embed_tokens.weight'),
    ).toBe(true);
  });

  it('takes weights in several files', async () => {
    const tensors = Object.entries(readSafetensors(checkpoint.weightsPath));
    rmSync(checkpoint.weightsPath);
    const shards = { 'a.safetensors': tensors.slice(0, 50), 'b.safetensors': tensors.slice(50) };
    for (const [file, part] of Object.entries(shards))
      writeSafetensors(join(checkpoint.source, file), Object.fromEntries(part));
    const weight_map = Object.fromEntries(
      Object.entries(shards).flatMap(([file, part]) => part.map(([name]) => [name, file])),
    );
    writeFileSync(join(checkpoint.source, 'model.safetensors.index.json'), JSON.stringify({ weight_map }));
    expect(await convert()).toEqual(await convertOriginal());
  });

  it('takes config keys left out because they equal their class default', async () => {
    checkpoint.changeConfig(({ decoder, text_encoder, audio_encoder }) => {
      for (const key of ['activation_function', 'bos_token_id', 'pad_token_id']) delete decoder[key];
      for (const key of ['relative_attention_num_buckets', 'layer_norm_epsilon']) delete text_encoder[key];
      for (const key of ['kernel_size', 'num_lstm_layers', 'norm_type', 'pad_mode'])
        delete audio_encoder[key];
    });
    expect(await convert()).toEqual(await convertOriginal());
  });

  it('computes the position table when the checkpoint leaves it out', async () => {
    checkpoint.changeWeights(
      ({ 'decoder.model.decoder.embed_positions.weights': _table, ...others }) => others,
    );
    const lengths = (await convert()).map(({ length }) => length);
    expect(lengths).toEqual((await convertOriginal()).map(({ length }) => length));
  });

  it('widens bfloat16 weights', async () => {
    checkpoint.changeWeights((tensors) =>
      Object.fromEntries(
        Object.entries(tensors).map(([name, { shape, bytes }]) => {
          const upperHalves = new Uint16Array(Uint8Array.from(bytes).buffer).filter(
            (_, index) => index % 2 === 1,
          );
          return [name, { dtype: 'BF16', shape, bytes: new Uint8Array(upperHalves.buffer) }];
        }),
      ),
    );
    const lengths = (await convert()).map(({ length }) => length);
    expect(lengths).toEqual((await convertOriginal()).map(({ length }) => length));
  });
});

describe('what a folder says of itself', () => {
  it.each([
    ['fast', 'fp32', ['decoder_fast', 'decoder_fast_text', 'text_encoder', 'encodec_decode_fast']],
    [
      'fast',
      'int8',
      ['decoder_fast_int8', 'decoder_fast_text_int8', 'text_encoder_int8', 'encodec_decode_fast'],
    ],
    ['fast', 'int4', ['decoder_fast_q4', 'decoder_fast_text_q4', 'text_encoder_int8', 'encodec_decode_fast']],
    ['standard', 'int8', ['decoder_model_merged_int8', 'text_encoder_int8', 'encodec_decode']],
    ['standard', 'int4', ['decoder_model_merged_q4', 'text_encoder_int8', 'encodec_decode']],
  ] as const)('is %s and %s', async (layout, precision, names) => {
    await convertCheckpoint({ ...checkpoint, layout, precision });
    const graphs = ['encodec_encode', ...names].map((name) => `${name}.onnx`);
    // The weights of the fast layout lie beside their graphs.
    const files = layout === 'fast' ? graphs.flatMap((graph) => [graph, `${graph}_data`]) : graphs;
    expect(readdirSync(join(checkpoint.target, 'onnx')).sort()).toEqual(files.sort());
    const { config } = await readModelFolder(checkpoint.target);
    expect(config.info).toMatchObject({ layout, precision, channels: 2, codebooks: 8 });
  });

  it('is refused before anything is written when the tokenizer belongs to another model', async () => {
    for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
      cpSync(join(tinyModelFolder, file), join(checkpoint.source, file));
    }
    checkpoint.changeWeights((tensors) => tensors);
    checkpoint.changeConfig(({ text_encoder }) => {
      text_encoder.vocab_size = 100;
    });
    await expect(convertCheckpoint(checkpoint)).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringMatching(
        /^tokenizer.json has ids up to \d+, but the text encoder knows only 100/,
      ),
    });
    expect(existsSync(join(checkpoint.scratch, 'models'))).toBe(false);
  });
});

describe('a folder that cannot be written', () => {
  it('is refused before anything is written when the disk has too little room', async () => {
    const full = jest
      .spyOn(fs, 'statfs')
      .mockResolvedValue({ bavail: 1, bsize: 4096 } as Awaited<ReturnType<typeof fs.statfs>>);
    await expect(convertCheckpoint(checkpoint)).rejects.toMatchObject({
      code: 'storage_failed',
      message: expect.stringMatching(/^The converted model takes \d+ MB, but .* has only 0 MB free$/),
    });
    full.mockRestore();
    expect(readdirSync(join(checkpoint.scratch, 'models'))).toEqual([]);
  });

  // Linux has a device that is always full; the real one fills up while another program writes to it.
  (process.platform === 'linux' ? it : it.skip)('leaves nothing behind when the disk fills up', async () => {
    const open = fs.open;
    const opening = jest.spyOn(fs, 'open').mockImplementation((path, ...options) => {
      // The second graph: the first is whole by then.
      if (String(path).endsWith('decoder_model_merged.onnx')) return open('/dev/full', 'w');
      return open(path, ...options);
    });
    await expect(convertCheckpoint(checkpoint)).rejects.toMatchObject({
      code: 'storage_failed',
      message: expect.stringMatching(/^The converted model could not be written: ENOSPC/),
    });
    expect(opening).toHaveBeenCalledWith(expect.stringMatching(/text_encoder\.onnx$/), 'wx');
    opening.mockRestore();
    expect(readdirSync(join(checkpoint.scratch, 'models'))).toEqual([]);
  });

  it('is left alone when it exists', async () => {
    mkdirSync(checkpoint.target, { recursive: true });
    await expect(convertCheckpoint(checkpoint)).rejects.toMatchObject({
      code: 'storage_failed',
      message: `${checkpoint.target} already exists`,
    });
  });

  it('is named when its place is a file', async () => {
    writeFileSync(join(checkpoint.scratch, 'models'), '');
    await expect(convertCheckpoint(checkpoint)).rejects.toMatchObject({
      code: 'storage_failed',
      message: expect.stringContaining('could not be written'),
    });
  });

  it('leaves nothing behind when the conversion is aborted', async () => {
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error('stopped by the user'));
    await expect(convertCheckpoint({ ...checkpoint, onProgress, signal: stop.signal })).rejects.toThrow(
      'stopped by the user',
    );
    expect(readdirSync(join(checkpoint.scratch, 'models'))).toEqual([]);
  });
});

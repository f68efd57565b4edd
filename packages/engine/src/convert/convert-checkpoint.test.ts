import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixture } from '../../fixtures/golden.ts';
import { type RawTensors, readSafetensors, writeSafetensors } from '../../fixtures/safetensors.ts';
import { type ConversionProgress, convertCheckpoint } from './convert-checkpoint.ts';

const graphs = ['onnx/text_encoder.onnx', 'onnx/decoder_model_merged.onnx', 'onnx/encodec_decode.onnx'];
const head = 'decoder.lm_heads.0.weight';

let scratch: string;
let from: string;
let to: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'convert-'));
  from = join(scratch, 'checkpoint');
  to = join(scratch, 'models', 'converted');
  mkdirSync(from);
  for (const file of ['config.json', 'generation_config.json', 'model.safetensors']) {
    cpSync(fixture(`stereo/${file}`), join(from, file));
  }
});

afterEach(() => rmSync(scratch, { recursive: true }));

const weightsPath = () => join(from, 'model.safetensors');

function changeWeights(change: (tensors: RawTensors) => RawTensors) {
  writeSafetensors(weightsPath(), change(readSafetensors(weightsPath())));
}

function renameWeights(rename: (name: string) => string) {
  changeWeights((tensors) =>
    Object.fromEntries(Object.entries(tensors).map(([name, it]) => [rename(name), it])),
  );
}

type Sections = Record<'text_encoder' | 'audio_encoder' | 'decoder', Record<string, unknown>>;

function changeConfig(change: (config: Sections & Record<string, unknown>) => void) {
  const config = JSON.parse(readFileSync(join(from, 'config.json'), 'utf8'));
  change(config);
  writeFileSync(join(from, 'config.json'), JSON.stringify(config));
}

interface Graph {
  length: number;
  sha256: string;
}

/** The graphs of the checkpoint as it is now. */
async function convert(): Promise<Graph[]> {
  await convertCheckpoint({ from, to });
  return readGraphs(to);
}

/** The graphs of the unchanged checkpoint. */
async function convertOriginal(): Promise<Graph[]> {
  const original = join(scratch, 'original');
  await convertCheckpoint({ from: fixture('stereo'), to: original });
  return readGraphs(original);
}

function readGraphs(folder: string): Graph[] {
  return graphs.map((file) => {
    const bytes = readFileSync(join(folder, file));
    return { length: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
}

describe('convertCheckpoint', () => {
  it('writes the graphs and copies the files that are there, and nothing else', async () => {
    const progress: ConversionProgress[] = [];
    await convertCheckpoint({ from, to, onProgress: (now) => progress.push(now) });
    expect(readdirSync(to).sort()).toEqual(['config.json', 'generation_config.json', 'onnx']);
    expect(
      readdirSync(join(to, 'onnx'))
        .map((file) => `onnx/${file}`)
        .sort(),
    ).toEqual([...graphs].sort());
    expect(readdirSync(join(scratch, 'models'))).toEqual(['converted']);
    expect([...new Set(progress.map(({ file }) => file))]).toEqual(graphs);
    const last = progress.at(-1);
    expect(last?.bytesDone).toBe(last?.bytesTotal);
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
    expect(readFileSync(join(to, 'onnx/text_encoder.onnx')).includes('encoder.embed_tokens.weight')).toBe(
      true,
    );
  });

  it('takes weights in several files', async () => {
    const tensors = Object.entries(readSafetensors(weightsPath()));
    rmSync(weightsPath());
    const shards = { 'a.safetensors': tensors.slice(0, 50), 'b.safetensors': tensors.slice(50) };
    for (const [file, part] of Object.entries(shards))
      writeSafetensors(join(from, file), Object.fromEntries(part));
    const weight_map = Object.fromEntries(
      Object.entries(shards).flatMap(([file, part]) => part.map(([name]) => [name, file])),
    );
    writeFileSync(join(from, 'model.safetensors.index.json'), JSON.stringify({ weight_map }));
    expect(await convert()).toEqual(await convertOriginal());
  });

  it('takes config keys left out because they equal their class default', async () => {
    changeConfig(({ decoder, text_encoder, audio_encoder }) => {
      for (const key of ['activation_function', 'bos_token_id', 'pad_token_id']) delete decoder[key];
      for (const key of ['relative_attention_num_buckets', 'layer_norm_epsilon']) delete text_encoder[key];
      for (const key of ['kernel_size', 'num_lstm_layers', 'norm_type', 'pad_mode'])
        delete audio_encoder[key];
    });
    expect(await convert()).toEqual(await convertOriginal());
  });

  it('computes the position table when the checkpoint leaves it out', async () => {
    changeWeights(({ 'decoder.model.decoder.embed_positions.weights': _table, ...others }) => others);
    const lengths = (await convert()).map(({ length }) => length);
    expect(lengths).toEqual((await convertOriginal()).map(({ length }) => length));
  });

  it('widens bfloat16 weights', async () => {
    changeWeights((tensors) =>
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

describe('a checkpoint that cannot be converted', () => {
  async function expectRefusal(message: string | RegExp, code = 'model_load_failed') {
    await expect(convertCheckpoint({ from, to })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    // Neither the folder nor a part of it.
    expect(
      readdirSync(scratch)
        .filter((name) => name !== 'checkpoint')
        .flatMap((name) => readdirSync(join(scratch, name))),
    ).toEqual([]);
  }

  it('may be truncated', async () => {
    truncateSync(weightsPath(), 500_000);
    await expectRefusal(/^model\.safetensors is cut off: tensor \S+ ends at byte/);
  });

  it('may lie about the length of its header', async () => {
    const bytes = readFileSync(weightsPath());
    bytes.writeBigUInt64LE(10n ** 12n);
    writeFileSync(weightsPath(), bytes);
    await expectRefusal('model.safetensors announces a header of 1000000000000 bytes');
  });

  it('may hold NaN in a tensor that is read late', async () => {
    changeWeights((tensors) => {
      const name = 'audio_encoder.decoder.layers.15.conv.bias';
      const tensor = tensors[name] as RawTensors[string];
      new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset).setFloat32(0, Number.NaN, true);
      return { ...tensors, [name]: tensor };
    });
    await expectRefusal(
      'model.safetensors has NaN in tensor audio_encoder.decoder.layers.15.conv.bias, at element 0',
    );
  });

  it('may miss a tensor', async () => {
    changeWeights(({ [head]: _missing, ...others }) => others);
    await expectRefusal(`model.safetensors has no tensor ${head}`);
  });

  it('may have a tensor of another shape', async () => {
    changeConfig(({ decoder }) => {
      decoder.vocab_size = 32;
    });
    await expectRefusal(
      'has tensor decoder.model.decoder.embed_tokens.0.weight with shape \\[65,48\\], expected \\[33,48\\]',
    );
  });

  it('may have a tensor of another type', async () => {
    changeWeights((tensors) => {
      const { shape, bytes } = tensors[head] as RawTensors[string];
      return { ...tensors, [head]: { dtype: 'I32', shape, bytes } };
    });
    await expectRefusal(`has tensor ${head} as I32, expected F32, F16 or BF16`);
  });

  it('may be of another architecture', async () => {
    changeConfig((config) => {
      config.model_type = 'musicgen_melody';
    });
    await expectRefusal('config.json cannot be converted: model_type: only "musicgen" can be converted');
  });

  it.each([
    ['decoder', 'activation_function', 'relu'],
    ['decoder', 'num_attention_heads', 5],
    ['decoder', 'hidden_size', '48'],
    ['decoder', 'num_hidden_layers', -1],
    ['text_encoder', 'feed_forward_proj', 'gated-gelu'],
    ['audio_encoder', 'model_type', 'dac'],
    ['audio_encoder', 'use_causal_conv', true],
  ] as const)('may say %s.%s = %j', async (section, key, value) => {
    changeConfig((config) => {
      config[section][key] = value;
    });
    await expectRefusal(`config.json cannot be converted: ${section}.${key}: `);
  });

  it('may have no weights, or only pickled ones', async () => {
    rmSync(weightsPath());
    await expectRefusal('model.safetensors is missing');
    writeFileSync(join(from, 'pytorch_model.bin'), '');
    await expectRefusal('which has only pytorch_model.bin');
  });

  it('may name shards outside its folder', async () => {
    rmSync(weightsPath());
    const weight_map = { [head]: '../elsewhere.safetensors' };
    writeFileSync(join(from, 'model.safetensors.index.json'), JSON.stringify({ weight_map }));
    await expectRefusal('names ../elsewhere.safetensors, which is missing');
  });

  it('may have no config, or one that is no JSON', async () => {
    writeFileSync(join(from, 'config.json'), '{');
    await expectRefusal('config.json is not valid JSON');
    rmSync(join(from, 'config.json'));
    await expectRefusal('config.json is missing');
  });
});

describe('a folder that cannot be written', () => {
  it('is left alone when it exists', async () => {
    mkdirSync(to, { recursive: true });
    await expect(convertCheckpoint({ from, to })).rejects.toMatchObject({
      code: 'storage_failed',
      message: `${to} already exists`,
    });
  });

  it('is named when its place is a file', async () => {
    writeFileSync(join(scratch, 'models'), '');
    await expect(convertCheckpoint({ from, to })).rejects.toMatchObject({
      code: 'storage_failed',
      message: expect.stringContaining('could not be written'),
    });
  });

  it('leaves nothing behind when the conversion is aborted', async () => {
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error('stopped by the user'));
    await expect(convertCheckpoint({ from, to, onProgress, signal: stop.signal })).rejects.toThrow(
      'stopped by the user',
    );
    expect(readdirSync(join(scratch, 'models'))).toEqual([]);
  });
});

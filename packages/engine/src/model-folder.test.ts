import { cp, mkdtemp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyModelFolder } from '../fixtures/golden.ts';
import { loadModel, releaseModel } from './model.ts';
import { readModelFolder } from './model-folder.ts';

type Json = Record<string, Record<string, unknown>>;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'musicgen-model-'));
  await cp(tinyModelFolder, folder, { recursive: true });
});

afterEach(() => rm(folder, { recursive: true }));

async function edit(file: string, change: (json: Json) => void): Promise<void> {
  const json = JSON.parse(await readFile(join(folder, file), 'utf8'));
  change(json);
  await writeFile(join(folder, file), JSON.stringify(json));
}

describe('readModelFolder', () => {
  it('tells what the model is, and the notice about its output', async () => {
    const { config } = await readModelFolder(folder);
    expect(config).toMatchObject({
      vocabSize: 128,
      specialId: 128,
      hopLength: 640,
      windowFrames: 124,
      info: {
        name: 'musicgen-tiny',
        sampleRate: 32_000,
        channels: 1,
        frameRate: 50,
        codebooks: 4,
        windowSeconds: 2.48,
        defaults: { guidanceScale: 3, temperature: 1, topK: 250, topP: 1 },
        licence: 'MIT',
        notice: expect.stringContaining('noise'),
      },
    });
  });

  it('takes rates, sizes and windows from the config', async () => {
    await edit('config.json', (json) => {
      Object.assign(json.audio_encoder ?? {}, {
        codebook_size: 1536,
        upsampling_ratios: [10, 8, 4, 4],
        chunk_context: { left_frames: 250, right_frames: 1 },
      });
      Object.assign(json.decoder ?? {}, {
        vocab_size: 1536,
        pad_token_id: 1536,
        max_position_embeddings: 4096,
      });
    });
    const { config } = await readModelFolder(folder);
    expect(config).toMatchObject({
      vocabSize: 1536,
      specialId: 1536,
      hopLength: 1280,
      windowFrames: 750,
      chunkContext: { leftFrames: 250, rightFrames: 1 },
      info: { frameRate: 25, windowSeconds: 30 },
    });
  });

  it('knows the defaults of Hugging Face for what a config leaves out', async () => {
    await edit('config.json', (json) => {
      json.decoder = {};
      delete json.audio_encoder?.codebook_size;
      delete json.musicgen_service;
    });
    await edit('generation_config.json', (json) => {
      for (const key of Object.keys(json)) delete json[key];
    });
    const { config } = await readModelFolder(folder);
    expect(config).toMatchObject({
      vocabSize: 2048,
      specialId: 2048,
      windowFrames: 1500,
      decoderLayers: 24,
      info: {
        name: expect.stringContaining('musicgen-model-'),
        codebooks: 4,
        channels: 1,
        defaults: { guidanceScale: 3, temperature: 1, topK: 250, topP: 1 },
        notice: undefined,
      },
    });
  });

  it('takes settings from the generation config, and the special id when the config has none', async () => {
    await edit('config.json', (json) => {
      delete json.decoder?.pad_token_id;
    });
    await edit('generation_config.json', (json) => {
      Object.assign(json, { guidance_scale: 2, temperature: 0.8, top_k: 50, top_p: 0.9 });
    });
    const { config } = await readModelFolder(folder);
    expect(config.specialId).toBe(128);
    expect(config.info.defaults).toEqual({ guidanceScale: 2, temperature: 0.8, topK: 50, topP: 0.9 });
  });

  it('decodes the whole piece at once when the config says that the codec must', async () => {
    await edit('config.json', (json) => {
      Object.assign(json.audio_encoder ?? {}, { chunk_context: null });
    });
    expect((await readModelFolder(folder)).config.chunkContext).toBeUndefined();
  });
});

describe('a folder as transformers.js uses it', () => {
  const decoder = (suffix: string) => join(folder, `onnx/decoder_model_merged${suffix}.onnx`);

  it('has its graphs in several precisions, of which the best is taken', async () => {
    const graphs = ['_q4f16', '_fp16', '_q4', '_quantized', ''];
    await rename(decoder(''), decoder(graphs[0] as string));
    const taken: string[] = [];
    for (const suffix of graphs) {
      await writeFile(decoder(suffix), 'a graph');
      const { config, graphs } = await readModelFolder(folder);
      expect(graphs.decoder).toBe(decoder(suffix));
      taken.push(config.info.precision);
    }
    expect(taken).toEqual(['q4f16', 'fp16', 'int4', 'int8', 'fp32']);
  });

  it('whose graph does not load is told which precision of it does', async () => {
    await rename(decoder(''), decoder('_int8'));
    await writeFile(decoder('_quantized'), 'no graph');
    await expect(loadModel({ modelFolder: folder, threads: 1 })).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringMatching(
        /^onnx\/decoder_model_merged_quantized\.onnx cannot be loaded, it may be damaged or incomplete \(onnx\/decoder_model_merged_int8\.onnx beside it can be, and is used once those before it are removed\): /,
      ),
    });
    await rm(decoder('_quantized'));
    await releaseModel(await loadModel({ modelFolder: folder, threads: 1 }));
  });

  it('whose only graph is a float16 one that does not load is told what to look for', async () => {
    await rename(decoder(''), decoder('_fp16'));
    await truncate(decoder('_fp16'), 1000);
    await expect(loadModel({ modelFolder: folder, threads: 1 })).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringMatching(
        /^onnx\/decoder_model_merged_fp16\.onnx cannot be loaded, .*\(float16 graphs often are; put the float32, int8 or 4-bit graph of this model in its place\)/,
      ),
    });
  });
});

describe('a model folder that cannot be loaded is named with its fault', () => {
  const graphs = ['text_encoder', 'decoder_model_merged', 'encodec_decode'].map(
    (name) => `onnx/${name}.onnx`,
  );
  const texts = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'];

  async function expectFault(message: RegExp): Promise<void> {
    await expect(loadModel({ modelFolder: folder, threads: 1 })).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringMatching(message),
    });
  }

  it('no folder', async () => {
    await expect(loadModel({ modelFolder: join(folder, 'nowhere') })).rejects.toMatchObject({
      code: 'model_load_failed',
      message: `There is no model folder at ${join(folder, 'nowhere')}`,
    });
  });

  it.each([...graphs, ...texts])('%s missing', async (file) => {
    await rm(join(folder, file));
    await expectFault(new RegExp(`^${file} is missing in ${folder}`));
  });

  it.each(graphs)('%s empty', async (file) => {
    await truncate(join(folder, file), 0);
    await expectFault(new RegExp(`^${file} is empty`));
  });

  it.each(graphs)('%s truncated', async (file) => {
    await truncate(join(folder, file), 200_000);
    await expectFault(
      new RegExp(`^${file} cannot be loaded, it may be damaged or incomplete: Protobuf parsing failed`),
    );
  });

  it.each(texts)('%s with broken JSON', async (file) => {
    await writeFile(join(folder, file), '{"model_type": ');
    await expectFault(new RegExp(`^${file} is not valid JSON: Unexpected end`));
  });

  it('another architecture', async () => {
    await writeFile(join(folder, 'config.json'), '{"model_type": "llama"}');
    await expectFault(/^config\.json describes a model of type "llama", not "musicgen"$/);
    await writeFile(join(folder, 'config.json'), '{"model_type": "musicgen_melody"}');
    await expectFault(/melody models are not supported$/);
  });

  it.each([
    [{ vocab_size: 'many' }, /says decoder\.vocab_size = "many", which is not a positive integer/],
    [{ num_codebooks: 0 }, /says decoder\.num_codebooks = 0, which is not/],
    [{ num_codebooks: 5, audio_channels: 2 }, /says 5 codebooks for 2 audio channels/],
    [{ vocab_size: 2048 }, /has a decoder of 2048 codes for a codec that knows 128/],
    [{ max_position_embeddings: 4 }, /allows only 4 positions/],
    [{ num_hidden_layers: 2 }, /has more layers than the 2 that config\.json says/],
    [{ num_hidden_layers: 4 }, /has no input past_key_values\.3\.decoder\.key/],
  ])('a config with %j', async (decoder, message) => {
    await edit('config.json', (json) => {
      Object.assign(json.decoder ?? {}, decoder);
    });
    await expectFault(message);
  });

  it('a tokenizer of another model', async () => {
    await edit('config.json', (json) => {
      Object.assign(json.text_encoder ?? {}, { vocab_size: 500 });
    });
    await expectFault(/^tokenizer\.json has ids up to 511, but the text encoder knows only 500/);
  });

  it('a tokenizer that is none', async () => {
    await writeFile(join(folder, 'tokenizer.json'), '{"model": {"type": "Rubbish"}}');
    await expectFault(/^tokenizer\.json is not a tokenizer/);
  });

  it('a graph in the place of another', async () => {
    await cp(join(folder, 'onnx/text_encoder.onnx'), join(folder, 'onnx/encodec_decode.onnx'));
    await expectFault(/^onnx\/encodec_decode\.onnx has no input audio_codes, no output audio_values/);
  });
});

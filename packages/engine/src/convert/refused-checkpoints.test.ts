import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChangedCheckpoint, copyCheckpoint } from '../../fixtures/changed-checkpoint.ts';
import type { RawTensors } from '../../fixtures/safetensors.ts';
import { convertCheckpoint } from './convert-checkpoint.ts';

const head = 'decoder.lm_heads.0.weight';

let checkpoint: ChangedCheckpoint;

beforeEach(() => {
  checkpoint = copyCheckpoint();
});

afterEach(() => checkpoint.remove());

describe('a checkpoint that cannot be converted', () => {
  async function expectRefusal(message: string | RegExp, code = 'model_load_failed') {
    await expect(convertCheckpoint(checkpoint)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    // Neither the folder nor a part of it.
    expect(
      readdirSync(checkpoint.scratch)
        .filter((name) => name !== 'checkpoint')
        .flatMap((name) => readdirSync(join(checkpoint.scratch, name))),
    ).toEqual([]);
  }

  it('may be truncated', async () => {
    truncateSync(checkpoint.weightsPath, 500_000);
    await expectRefusal(/^model\.safetensors is cut off: tensor \S+ ends at byte/);
  });

  it('may lie about the length of its header', async () => {
    const bytes = readFileSync(checkpoint.weightsPath);
    bytes.writeBigUInt64LE(10n ** 12n);
    writeFileSync(checkpoint.weightsPath, bytes);
    await expectRefusal('model.safetensors announces a header of 1000000000000 bytes');
  });

  it('may hold NaN in a tensor that is read late', async () => {
    checkpoint.changeWeights((tensors) => {
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
    checkpoint.changeWeights(({ [head]: _missing, ...others }) => others);
    await expectRefusal(`model.safetensors has no tensor ${head}`);
  });

  it('may have a tensor of another shape', async () => {
    checkpoint.changeConfig(({ decoder }) => {
      decoder.vocab_size = 32;
    });
    await expectRefusal(
      'has tensor decoder.model.decoder.embed_tokens.0.weight with shape \\[65,48\\], expected \\[33,48\\]',
    );
  });

  it('may have a tensor of another type', async () => {
    checkpoint.changeWeights((tensors) => {
      const { shape, bytes } = tensors[head] as RawTensors[string];
      return { ...tensors, [head]: { dtype: 'I32', shape, bytes } };
    });
    await expectRefusal(`has tensor ${head} as I32, expected F32, F16 or BF16`);
  });

  it('may be of another architecture', async () => {
    checkpoint.changeConfig((config) => {
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
    checkpoint.changeConfig((config) => {
      config[section][key] = value;
    });
    await expectRefusal(`config.json cannot be converted: ${section}.${key}: `);
  });

  it('may have no weights, or only pickled ones', async () => {
    rmSync(checkpoint.weightsPath);
    await expectRefusal('model.safetensors is missing');
    writeFileSync(join(checkpoint.source, 'pytorch_model.bin'), '');
    await expectRefusal('which has only pytorch_model.bin');
  });

  it('may name shards outside its folder', async () => {
    rmSync(checkpoint.weightsPath);
    const weight_map = { [head]: '../elsewhere.safetensors' };
    writeFileSync(join(checkpoint.source, 'model.safetensors.index.json'), JSON.stringify({ weight_map }));
    await expectRefusal('names ../elsewhere.safetensors, which is missing');
  });

  it('may have no config, or one that is no JSON', async () => {
    writeFileSync(join(checkpoint.source, 'config.json'), '{');
    await expectRefusal('config.json is not valid JSON');
    rmSync(join(checkpoint.source, 'config.json'));
    await expectRefusal('config.json is missing');
  });
});

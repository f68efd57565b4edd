import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** What facebook/musicgen-small says about itself, as far as sizes go. */
const config = {
  model_type: 'musicgen',
  is_encoder_decoder: true,
  text_encoder: {
    model_type: 't5',
    vocab_size: 32128,
    d_model: 768,
    d_kv: 64,
    d_ff: 3072,
    num_layers: 12,
    num_heads: 12,
  },
  audio_encoder: {
    model_type: 'encodec',
    sampling_rate: 32_000,
    audio_channels: 1,
    codebook_size: 2048,
    codebook_dim: 128,
    hidden_size: 128,
    num_filters: 64,
    num_residual_layers: 1,
    upsampling_ratios: [8, 5, 4, 4],
    num_lstm_layers: 2,
    norm_type: 'weight_norm',
    use_causal_conv: false,
    use_conv_shortcut: false,
  },
  decoder: {
    model_type: 'musicgen_decoder',
    vocab_size: 2048,
    hidden_size: 1024,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    ffn_dim: 4096,
    num_codebooks: 4,
    audio_channels: 1,
    max_position_embeddings: 2048,
    pad_token_id: 2048,
    bos_token_id: 2048,
  },
};

const generationConfig = {
  bos_token_id: 2048,
  pad_token_id: 2048,
  decoder_start_token_id: 2048,
  do_sample: true,
  guidance_scale: 3,
  max_length: 1500,
};

type Shapes = Record<string, readonly number[]>;

/**
 * A checkpoint of musicgen-small's real size with seeded random weights, bfloat16, in `<folder>/checkpoint`: what a
 * step costs does not depend on what the weights have learnt. It is made once.
 */
export async function seededCheckpoint(folder: string): Promise<string> {
  const path = join(folder, 'checkpoint');
  if (await stat(path).catch(() => undefined)) return path;
  const unfinished = `${path}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  const files = {
    'config.json': config,
    'generation_config.json': generationConfig,
    'tokenizer_config.json': {},
  };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(unfinished, name), JSON.stringify(content, null, 2));
  }
  const tokenizer = new URL('../../../packages/engine/fixtures/t5/tokenizer.json.gz', import.meta.url);
  await writeFile(join(unfinished, 'tokenizer.json'), gunzipSync(await readFile(fileURLToPath(tokenizer))));
  await writeWeights(join(unfinished, 'model.safetensors'));
  await rename(unfinished, path);
  return path;
}

/** A safetensors file: length of the header, header, tensors one after the other. */
async function writeWeights(path: string): Promise<void> {
  const shapes = { ...textEncoderShapes(), ...decoderShapes(), ...codecShapes() };
  let end = 0;
  const header = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const begin = end;
      end += 2 * sizeOf(shape);
      return [name, { dtype: 'BF16', shape, data_offsets: [begin, end] }];
    }),
  );
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = await open(path, 'w');
  await file.write(length);
  await file.write(json);
  const next = uniform(1);
  for (const [name, shape] of Object.entries(shapes)) {
    const values =
      name.endsWith('norm.weight') || name.endsWith('weight_g') ? ones(shape) : noise(shape, next);
    await file.write(new Uint8Array(values.buffer));
  }
  await file.close();
}

/** 1.0 as bfloat16, the upper half of a float32. */
function ones(shape: readonly number[]): Uint16Array {
  return new Uint16Array(sizeOf(shape)).fill(0x3f80);
}

/** Even noise of the variance that keeps a layer's output as large as its input. */
function noise(shape: readonly number[], next: () => number): Uint16Array {
  const inputs = shape.length > 1 ? sizeOf(shape.slice(1)) : 1e6;
  const scale = 2 * Math.sqrt(3 / inputs);
  const value = new Float32Array(1);
  const bits = new Uint32Array(value.buffer);
  const numbers = new Uint16Array(sizeOf(shape));
  for (let index = 0; index < numbers.length; index++) {
    value[0] = scale * (next() - 0.5);
    numbers[index] = (bits[0] as number) >>> 16;
  }
  return numbers;
}

/** Numbers in [0, 1): xorshift32 (Marsaglia, 2003). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function textEncoderShapes(): Shapes {
  const { vocab_size, d_model, d_kv, d_ff, num_layers, num_heads } = config.text_encoder;
  const width = d_kv * num_heads;
  const shapes: Shapes = {
    'text_encoder.shared.weight': [vocab_size, d_model],
    'text_encoder.encoder.final_layer_norm.weight': [d_model],
    'text_encoder.encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight': [32, num_heads],
  };
  const blocks = Array.from({ length: num_layers }, (_, block) => {
    const name = `text_encoder.encoder.block.${block}.layer`;
    return {
      [`${name}.0.SelfAttention.q.weight`]: [width, d_model],
      [`${name}.0.SelfAttention.k.weight`]: [width, d_model],
      [`${name}.0.SelfAttention.v.weight`]: [width, d_model],
      [`${name}.0.SelfAttention.o.weight`]: [d_model, width],
      [`${name}.0.layer_norm.weight`]: [d_model],
      [`${name}.1.DenseReluDense.wi.weight`]: [d_ff, d_model],
      [`${name}.1.DenseReluDense.wo.weight`]: [d_model, d_ff],
      [`${name}.1.layer_norm.weight`]: [d_model],
    };
  });
  return Object.assign(shapes, ...blocks);
}

function decoderShapes(): Shapes {
  const { hidden_size, ffn_dim, num_hidden_layers, num_codebooks, vocab_size } = config.decoder;
  const norm = (name: string) => ({ [`${name}.weight`]: [hidden_size], [`${name}.bias`]: [hidden_size] });
  const attention = (name: string) =>
    Object.fromEntries(
      ['q', 'k', 'v', 'out'].map((part) => [`${name}.${part}_proj.weight`, [hidden_size, hidden_size]]),
    );
  const layers = Array.from({ length: num_hidden_layers }, (_, layer) => {
    const name = `decoder.model.decoder.layers.${layer}`;
    return {
      ...attention(`${name}.self_attn`),
      ...norm(`${name}.self_attn_layer_norm`),
      ...attention(`${name}.encoder_attn`),
      ...norm(`${name}.encoder_attn_layer_norm`),
      [`${name}.fc1.weight`]: [ffn_dim, hidden_size],
      [`${name}.fc2.weight`]: [hidden_size, ffn_dim],
      ...norm(`${name}.final_layer_norm`),
    };
  });
  const codebooks = Array.from({ length: num_codebooks }, (_, codebook) => ({
    [`decoder.model.decoder.embed_tokens.${codebook}.weight`]: [vocab_size + 1, hidden_size],
    [`decoder.lm_heads.${codebook}.weight`]: [vocab_size, hidden_size],
  }));
  const projection = {
    'enc_to_dec_proj.weight': [hidden_size, config.text_encoder.d_model],
    'enc_to_dec_proj.bias': [hidden_size],
  };
  return Object.assign({}, ...layers, ...codebooks, projection, norm('decoder.model.decoder.layer_norm'));
}

function codecShapes(): Shapes {
  const { num_filters, upsampling_ratios, codebook_dim, codebook_size, hidden_size } = config.audio_encoder;
  const widest = num_filters * 2 ** upsampling_ratios.length;
  const quantizer = Array.from({ length: config.decoder.num_codebooks }, (_, codebook) => ({
    [`audio_encoder.quantizer.layers.${codebook}.codebook.embed`]: [codebook_size, codebook_dim],
  }));
  const decoder = 'audio_encoder.decoder.layers';
  const encoder = 'audio_encoder.encoder.layers';
  const parts: Shapes[] = [conv(`${decoder}.0`, widest, hidden_size, 7), lstm(`${decoder}.1`, widest)];
  let layer = 2;
  let channels = widest;
  for (const ratio of upsampling_ratios) {
    parts.push(conv(`${decoder}.${layer + 1}`, channels, channels / 2, 2 * ratio, channels / 2));
    channels /= 2;
    parts.push(residual(`${decoder}.${layer + 2}`, channels));
    layer += 3;
  }
  parts.push(conv(`${decoder}.${layer + 1}`, 1, num_filters, 7), conv(`${encoder}.0`, num_filters, 1, 7));
  layer = 1;
  for (const ratio of upsampling_ratios.toReversed()) {
    parts.push(residual(`${encoder}.${layer}`, channels));
    parts.push(conv(`${encoder}.${layer + 2}`, 2 * channels, channels, 2 * ratio));
    channels *= 2;
    layer += 3;
  }
  parts.push(lstm(`${encoder}.${layer}`, widest), conv(`${encoder}.${layer + 2}`, hidden_size, widest, 7));
  return Object.assign({}, ...quantizer, ...parts);
}

/** A weight-normalised convolution; a transposed one has its input channels first, so its biases are given. */
function conv(name: string, first: number, second: number, kernel: number, biases = first): Shapes {
  return {
    [`${name}.conv.weight_g`]: [first, 1, 1],
    [`${name}.conv.weight_v`]: [first, second, kernel],
    [`${name}.conv.bias`]: [biases],
  };
}

function residual(name: string, channels: number): Shapes {
  return {
    ...conv(`${name}.block.1`, channels / 2, channels, 3),
    ...conv(`${name}.block.3`, channels, channels / 2, 1),
  };
}

function lstm(name: string, size: number): Shapes {
  const parts = [0, 1].flatMap((layer) => [
    [`${name}.lstm.weight_ih_l${layer}`, [4 * size, size]],
    [`${name}.lstm.weight_hh_l${layer}`, [4 * size, size]],
    [`${name}.lstm.bias_ih_l${layer}`, [4 * size]],
    [`${name}.lstm.bias_hh_l${layer}`, [4 * size]],
  ]);
  return Object.fromEntries(parts);
}

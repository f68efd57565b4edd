import { z } from 'zod';
import { broken, readJsonObject } from '../json-file.ts';

/** transformers leaves out keys that equal its class defaults, so every key's default here is that of its class. */
const size = (fallback: number) => z.int().positive().max(1_000_000).default(fallback);

/** T5Config. */
const textEncoderSchema = z.object({
  model_type: z.literal('t5'),
  vocab_size: size(32128),
  d_model: size(512),
  d_kv: size(64),
  d_ff: size(2048),
  num_layers: size(6),
  num_heads: size(8),
  relative_attention_num_buckets: size(32),
  relative_attention_max_distance: size(128),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  feed_forward_proj: z.literal('relu').default('relu'),
});

/** MusicgenDecoderConfig. */
const decoderSchema = z
  .object({
    vocab_size: size(2048),
    max_position_embeddings: size(2048),
    num_hidden_layers: size(24),
    ffn_dim: size(4096),
    num_attention_heads: size(16),
    hidden_size: size(1024),
    num_codebooks: size(4),
    audio_channels: z.literal([1, 2]).default(1),
    activation_function: z.literal('gelu').default('gelu'),
  })
  .refine(({ hidden_size, num_attention_heads }) => hidden_size % num_attention_heads === 0, {
    error: 'num_attention_heads does not divide hidden_size',
    path: ['num_attention_heads'],
  })
  .refine(({ num_codebooks, audio_channels }) => num_codebooks % audio_channels === 0, {
    error: 'audio_channels does not divide num_codebooks',
    path: ['num_codebooks'],
  });

/** EncodecConfig; the literals are the variant of EnCodec that every MusicGen has. */
const audioEncoderSchema = z.object({
  model_type: z.literal('encodec'),
  audio_channels: z.literal(1).default(1),
  hidden_size: size(128),
  num_filters: size(32),
  num_residual_layers: size(1),
  upsampling_ratios: z.array(z.int().min(2).max(64)).nonempty().default([8, 5, 4, 2]),
  kernel_size: size(7),
  last_kernel_size: size(7),
  residual_kernel_size: size(3),
  dilation_growth_rate: size(2),
  compress: size(2),
  num_lstm_layers: size(2),
  codebook_size: size(1024),
  codebook_dim: z.int().positive().nullish(),
  norm_type: z.literal('weight_norm').default('weight_norm'),
  pad_mode: z.literal('reflect').default('reflect'),
  normalize: z.literal(false).default(false),
  chunk_length_s: z.null().default(null),
  // EncodecConfig's own default is true for both, so an absent key is another codec.
  use_causal_conv: z.literal(false),
  use_conv_shortcut: z.literal(false),
});

const configSchema = z
  .object({
    model_type: z.literal('musicgen', { error: 'only "musicgen" can be converted' }),
    text_encoder: textEncoderSchema,
    audio_encoder: audioEncoderSchema,
    decoder: decoderSchema,
  })
  .refine(({ decoder, audio_encoder }) => decoder.vocab_size <= audio_encoder.codebook_size, {
    error: 'the decoder predicts more codes than the codec has',
    path: ['decoder', 'vocab_size'],
  });

/** The sections of config.json under transformers' own key names, absent keys filled in. */
export type CheckpointConfig = z.infer<typeof configSchema>;
export type TextEncoderConfig = CheckpointConfig['text_encoder'];
export type CodecConfig = CheckpointConfig['audio_encoder'];

/**
 * Reads `config.json` of a Hugging Face MusicGen folder.
 * @throws ServiceError `model_load_failed` when it is missing, malformed or describes another architecture
 */
export async function readCheckpointConfig(folder: string): Promise<CheckpointConfig> {
  const parsed = configSchema.safeParse(await readJsonObject(folder, 'config.json'));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw broken('config.json', `cannot be converted: ${problems.join('; ')}`, parsed.error);
}

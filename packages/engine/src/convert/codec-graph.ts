import type { Checkpoint } from './checkpoint.ts';
import type { CodecConfig } from './checkpoint-config.ts';
import { type Codec, convolve, recur, residualUnit, upsample } from './codec-layers.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';

/**
 * The decoder half of EnCodec (https://arxiv.org/abs/2210.13438; transformers `EncodecDecoder`, not causal):
 * audio_codes int64 [1, B, codebooks, T] → audio_values float32 [B, 1, T · product of the ratios], not clipped.
 * Stereo checkpoints use the same mono codec once for each channel.
 */
export function buildCodecDecoderGraph({ config, weights }: Checkpoint): GraphBuilder {
  const codec = { config: config.audio_encoder, weights };
  const { kernel_size, last_kernel_size, num_filters } = codec.config;
  const codebooks = config.decoder.num_codebooks / config.decoder.audio_channels;
  const g = new GraphBuilder('encodec_decode');
  const codes = g.input({
    name: 'audio_codes',
    type: 'int64',
    shape: [1, 'batch_size', codebooks, 'chunk_length'],
  });

  const { stages, end } = planStages(codec.config);
  const codewords = sumCodewords(g, codec, { codes, codebooks }); // [B, codebook_dim, T]
  const widest = num_filters * 2 ** stages.length;
  const first = { name: layerName(0), x: codewords, input: codewordSize(codec.config), output: widest };
  let x = convolve(g, codec, { ...first, kernel: kernel_size, shortest: 1 });
  x = g.add(x, recur(g, codec, { name: layerName(1), x, channels: widest }));
  for (const stage of stages) x = upsampleStage(g, codec, { ...stage, x });
  const last = { name: layerName(end.layer + 1), x: g.op('Elu', [x]), input: num_filters, output: 1 };
  const audio = convolve(g, codec, { ...last, kernel: last_kernel_size, shortest: end.hop });
  g.output(audio, { name: 'audio_values', type: 'float32', shape: ['batch_size', 1, 'audio_length'] });
  return g;
}

interface Stage {
  readonly ratio: number;
  /** Index of the stage's first layer, an ELU without weights. */
  readonly layer: number;
  /** Going in; half of them come out. */
  readonly channels: number;
  /** Samples a frame has become when it comes out. */
  readonly hop: number;
}

/** The upsampling stages, and where they end. */
function planStages(config: CodecConfig): { stages: Stage[]; end: { layer: number; hop: number } } {
  let channels = config.num_filters * 2 ** config.upsampling_ratios.length;
  let layer = 2;
  let hop = 1;
  const stages = config.upsampling_ratios.map((ratio) => {
    hop *= ratio;
    const stage = { ratio, layer, channels, hop };
    layer += 2 + config.num_residual_layers;
    channels /= 2;
    return stage;
  });
  return { stages, end: { layer, hop } };
}

/** ELU, transposed convolution, residual units: [B, channels, length] → [B, channels / 2, length · ratio]. */
function upsampleStage(
  g: GraphBuilder,
  codec: Codec,
  { ratio, layer, channels, hop, x }: Stage & { x: Value },
): Value {
  const half = channels / 2;
  const elu = g.op('Elu', [x]);
  let y = upsample(g, codec, { name: layerName(layer + 1), x: elu, input: channels, output: half, ratio });
  for (let unit = 0; unit < codec.config.num_residual_layers; unit++) {
    const dilation = codec.config.dilation_growth_rate ** unit;
    y = residualUnit(g, codec, {
      name: layerName(layer + 2 + unit),
      x: y,
      channels: half,
      dilation,
      shortest: hop,
    });
  }
  return y;
}

function layerName(index: number): string {
  return `audio_encoder.decoder.layers.${index}`;
}

function codewordSize(config: CodecConfig): number {
  return config.codebook_dim ?? config.hidden_size;
}

/** Σₖ codebookₖ[codeₖ]: int64 [1, B, codebooks, T] → [B, codebook_dim, T] */
function sumCodewords(
  g: GraphBuilder,
  { config, weights }: Codec,
  input: { codes: Value; codebooks: number },
): Value {
  const codes = g.gather(input.codes, g.int64(0)); // [B, codebooks, T]
  const sum = Array.from({ length: input.codebooks }, (_, codebook) => {
    const name = `audio_encoder.quantizer.layers.${codebook}.codebook.embed`;
    const table = g.weight(weights.get(name, [config.codebook_size, codewordSize(config)]));
    return g.gather(table, g.gather(codes, g.int64(codebook), 1)); // [B, T, codebook_dim]
  }).reduce((total, codewords) => g.add(total, codewords));
  return g.transpose(sum, [0, 2, 1]);
}

import type { Checkpoint } from './checkpoint.ts';
import type { CodecConfig } from './checkpoint-config.ts';
import { type Codec, convolve, downsample, recur, residualUnit } from './codec-layers.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';

/**
 * The encoder half of EnCodec and its residual quantiser (https://arxiv.org/abs/2210.13438; transformers
 * `EncodecEncoder`, `EncodecResidualVectorQuantizer`): input_values float32 [B, 1, samples] → audio_codes int64
 * [1, B, codebooks, T], T = samples / product of the ratios, rounded up. Stereo checkpoints encode each channel on its own.
 */
export function buildCodecEncoderGraph({ config, weights }: Checkpoint): GraphBuilder {
  const codec = { config: config.audio_encoder, weights };
  const { kernel_size, last_kernel_size, num_filters, num_residual_layers, upsampling_ratios } = codec.config;
  const g = new GraphBuilder('encodec_encode');
  const audio = g.input({ name: 'input_values', type: 'float32', shape: ['batch_size', 1, 'audio_length'] });
  const first = { name: layerName(0), x: audio, input: 1, output: num_filters };
  let x = convolve(g, codec, { ...first, kernel: kernel_size, shortest });
  let layer = 1;
  let channels = num_filters;
  for (const ratio of upsampling_ratios.toReversed()) {
    x = downsampleStage(g, codec, { x, layer, channels, ratio });
    layer += num_residual_layers + 2;
    channels *= 2;
  }
  x = g.add(x, recur(g, codec, { name: layerName(layer), x, channels }));
  const last = {
    name: layerName(layer + 2),
    x: g.op('Elu', [x]),
    input: channels,
    output: codec.config.hidden_size,
  };
  const states = convolve(g, codec, { ...last, kernel: last_kernel_size, shortest });
  const codebooks = config.decoder.num_codebooks / config.decoder.audio_channels;
  const codes = quantize(g, codec, { states, codebooks });
  g.output(g.unsqueeze(codes, [0]), {
    name: 'audio_codes',
    type: 'int64',
    shape: [1, 'batch_size', codebooks, 'frames'],
  });
  return g;
}

/** Audio may be as short as one sample, and so may be what comes of it. */
const shortest = 1;

function layerName(index: number): string {
  return `audio_encoder.encoder.layers.${index}`;
}

/** Residual units, ELU, strided convolution: [B, channels, length] → [B, 2 · channels, length / ratio]. */
function downsampleStage(
  g: GraphBuilder,
  codec: Codec,
  { x, layer, channels, ratio }: { x: Value; layer: number; channels: number; ratio: number },
): Value {
  const { num_residual_layers, dilation_growth_rate } = codec.config;
  let y = x;
  for (let unit = 0; unit < num_residual_layers; unit++) {
    const name = layerName(layer + unit);
    y = residualUnit(g, codec, { name, x: y, channels, dilation: dilation_growth_rate ** unit, shortest });
  }
  const name = layerName(layer + num_residual_layers + 1);
  return downsample(g, codec, { name, x: g.op('Elu', [y]), input: channels, output: 2 * channels, ratio });
}

/**
 * Each codebook's nearest codeword to what the earlier ones have left over: [B, codebook_dim, T] → int64
 * [B, codebooks, T]. Nearest by ‖r − e‖², which is smallest where 2 · r · e − ‖e‖² is largest.
 */
function quantize(
  g: GraphBuilder,
  { config, weights }: Codec,
  { states, codebooks }: { states: Value; codebooks: number },
): Value {
  let rest = g.transpose(states, [0, 2, 1]); // [B, T, codebook_dim]
  const codes: Value[] = [];
  for (let codebook = 0; codebook < codebooks; codebook++) {
    const name = `audio_encoder.quantizer.layers.${codebook}.codebook.embed`;
    const table = g.weight(weights.get(name, [config.codebook_size, codewordSize(config)]));
    const lengths = g.op('ReduceSumSquare', [table], { axes: { ints: [1] }, keepdims: { int: 0 } });
    const products = g.matMul(rest, g.transpose(table, [1, 0])); // [B, T, codebook_size]
    const closeness = g.op('Sub', [g.multiply(products, g.float(2)), lengths]);
    const nearest = g.op('ArgMax', [closeness], { axis: { int: -1 }, keepdims: { int: 0 } }); // [B, T]
    codes.push(g.unsqueeze(nearest, [1]));
    rest = g.op('Sub', [rest, g.gather(table, nearest)]);
  }
  return g.concat(codes, 1);
}

function codewordSize(config: CodecConfig): number {
  return config.codebook_dim ?? config.hidden_size;
}

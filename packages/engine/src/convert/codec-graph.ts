import type { CheckpointConfig, CodecConfig } from './checkpoint-config.ts';
import type { CheckpointWeights } from './checkpoint-weights.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';
import { inOnnxGateOrder, joined, weightNormalized } from './weight-transforms.ts';

interface Codec {
  readonly config: CodecConfig;
  readonly weights: CheckpointWeights;
}

/** A layer's place in the checkpoint, its input [B, input, length] and the number of channels it makes. */
interface Layer {
  readonly name: string;
  readonly x: Value;
  readonly input: number;
  readonly output: number;
}

const decoderName = 'audio_encoder.decoder.layers';

/**
 * The decoder half of EnCodec (https://arxiv.org/abs/2210.13438; transformers `EncodecDecoder`, not causal):
 * audio_codes int64 [1, B, codebooks, T] → audio_values float32 [B, 1, T · product of the ratios], not clipped.
 * Stereo checkpoints use the same mono codec once for each channel.
 */
export function buildCodecDecoderGraph(checkpoint: {
  config: CheckpointConfig;
  weights: CheckpointWeights;
}): GraphBuilder {
  const { audio_encoder: config, decoder } = checkpoint.config;
  const codec = { config, weights: checkpoint.weights };
  const codebooks = decoder.num_codebooks / decoder.audio_channels;
  const g = new GraphBuilder('encodec_decode');
  const codes = g.input({
    name: 'audio_codes',
    type: 'int64',
    shape: [1, 'batch_size', codebooks, 'chunk_length'],
  });

  const widest = config.num_filters * 2 ** config.upsampling_ratios.length;
  const codewords = sumCodewords(g, codec, { codes, codebooks }); // [B, codebook_dim, T]
  const first = { name: `${decoderName}.0`, x: codewords, input: codebookDimension(config), output: widest };
  let x = convolve(g, codec, { ...first, kernel: config.kernel_size, shortest: 1 });
  x = g.add(x, recur(g, codec, { name: `${decoderName}.1`, x, input: widest, output: widest }));

  let index = 2;
  let channels = widest;
  let hop = 1; // samples a frame has become so far
  for (const ratio of config.upsampling_ratios) {
    const layer = {
      name: `${decoderName}.${index + 1}`,
      x: g.op('Elu', [x]),
      input: channels,
      output: channels / 2,
    };
    x = upsample(g, codec, { ...layer, ratio });
    channels /= 2;
    hop *= ratio;
    for (let unit = 0; unit < config.num_residual_layers; unit++) {
      const name = `${decoderName}.${index + 2 + unit}`;
      const dilation = config.dilation_growth_rate ** unit;
      x = residualUnit(g, codec, { name, x, input: channels, output: channels, dilation, shortest: hop });
    }
    index += 2 + config.num_residual_layers;
  }

  const last = { name: `${decoderName}.${index + 1}`, x: g.op('Elu', [x]), input: channels, output: 1 };
  g.output(convolve(g, codec, { ...last, kernel: config.last_kernel_size, shortest: hop }), {
    name: 'audio_values',
    type: 'float32',
    shape: ['batch_size', 1, 'audio_length'],
  });
  return g;
}

function codebookDimension(config: CodecConfig): number {
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
    const table = g.weight(weights.get(name, [config.codebook_size, codebookDimension(config)]));
    return g.gather(table, g.gather(codes, g.int64(codebook), 1)); // [B, T, codebook_dim]
  }).reduce((total, codewords) => g.add(total, codewords));
  return g.transpose(sum, [0, 2, 1]);
}

/** The stacked LSTM over time, from a zero state: [B, channels, T] → the same. */
function recur(g: GraphBuilder, { config, weights }: Codec, { name, x, input: size }: Layer): Value {
  let sequence = g.transpose(x, [2, 0, 1]); // [T, B, size]
  for (let layer = 0; layer < config.num_lstm_layers; layer++) {
    const parameter = (part: string, shape: readonly number[]) =>
      inOnnxGateOrder(weights.get(`${name}.lstm.${part}_l${layer}`, shape));
    const biases = [parameter('bias_ih', [4 * size]), parameter('bias_hh', [4 * size])] as const;
    const hidden = g.op(
      'LSTM',
      [
        sequence,
        g.weight(parameter('weight_ih', [4 * size, size])),
        g.weight(parameter('weight_hh', [4 * size, size])),
        g.weight(joined(`${name}.lstm.bias_l${layer}`, ...biases)),
      ],
      { hidden_size: { int: size } },
    ); // [T, 1 direction, B, size]
    sequence = g.op('Squeeze', [hidden, g.int64([1])]);
  }
  return g.transpose(sequence, [1, 2, 0]);
}

/** x + Conv₁(ELU(Convₖ(ELU(x)))), with fewer channels between the two. */
function residualUnit(
  g: GraphBuilder,
  codec: Codec,
  unit: Layer & { dilation: number; shortest: number },
): Value {
  const { config } = codec;
  const { name, x, input, dilation, shortest } = unit;
  const inner = Math.floor(input / config.compress);
  const narrowed = convolve(g, codec, {
    name: `${name}.block.1`,
    x: g.op('Elu', [x]),
    input,
    output: inner,
    kernel: config.residual_kernel_size,
    dilation,
    shortest,
  });
  const widened = { name: `${name}.block.3`, x: g.op('Elu', [narrowed]), input: inner, output: input };
  return g.add(x, convolve(g, codec, { ...widened, kernel: 1, shortest }));
}

/**
 * A convolution that keeps the length, its input reflected at both ends (the odd sample of padding on the left).
 * @param layer.shortest the shortest input there can be, that for one frame
 */
function convolve(
  g: GraphBuilder,
  { weights }: Codec,
  layer: Layer & { kernel: number; shortest: number; dilation?: number },
): Value {
  const { name, x, input, output, kernel, shortest, dilation = 1 } = layer;
  const total = (kernel - 1) * dilation;
  const right = Math.floor(total / 2);
  const weight = g.weight(weightNormalized(weights, `${name}.conv`, [output, input, kernel]));
  const bias = g.weight(weights.get(`${name}.conv.bias`, [output]));
  const padded = reflect(g, { x, left: total - right, right, shortest });
  return g.op('Conv', [padded, weight, bias], {
    kernel_shape: { ints: [kernel] },
    dilations: { ints: [dilation] },
  });
}

/**
 * Reflection needs an input longer than the padding. transformers extends a shorter one by zeros on the right,
 * reflects that, and cuts the extension's length off again (`EncodecConv1d._pad1d`).
 */
function reflect(g: GraphBuilder, pad: { x: Value; left: number; right: number; shortest: number }): Value {
  const { x, left, right, shortest } = pad;
  const most = Math.max(left, right);
  if (most === 0) return x;
  const reflected = (value: Value) =>
    g.op('Pad', [value, g.int64([0, 0, left, 0, 0, right])], { mode: { string: 'reflect' } });
  if (shortest > most) return reflected(x);
  const length = g.sizeOf(x, 2);
  const missing = g.op('Max', [g.op('Sub', [g.int64([most + 1]), length]), g.int64([0])]);
  const extended = g.op('Pad', [x, g.concat([g.int64([0, 0, 0, 0, 0]), missing], 0)]);
  const end = g.add(length, g.int64([left + right]));
  return g.slice(reflected(extended), { start: g.int64([0]), end, axis: 2 });
}

/** A transposed convolution of kernel 2 · ratio, trimmed to length · ratio; the odd sample is trimmed on the left. */
function upsample(g: GraphBuilder, { weights }: Codec, layer: Layer & { ratio: number }): Value {
  const { name, x, input, output, ratio } = layer;
  const kernel = 2 * ratio;
  const right = Math.floor(ratio / 2);
  const weight = g.weight(weightNormalized(weights, `${name}.conv`, [input, output, kernel]));
  const bias = g.weight(weights.get(`${name}.conv.bias`, [output]));
  return g.op('ConvTranspose', [x, weight, bias], {
    kernel_shape: { ints: [kernel] },
    strides: { ints: [ratio] },
    pads: { ints: [ratio - right, right] },
  });
}

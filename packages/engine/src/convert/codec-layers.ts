import type { CodecConfig } from './checkpoint-config.ts';
import type { CheckpointWeights } from './checkpoint-weights.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';
import { inOnnxGateOrder, joined, weightNormalized } from './weight-transforms.ts';

export interface Codec {
  readonly config: CodecConfig;
  readonly weights: CheckpointWeights;
}

/** A layer's name in the checkpoint, its input [B, input, length] and the number of channels it makes. */
interface Layer {
  readonly name: string;
  readonly x: Value;
  readonly input: number;
  readonly output: number;
}

/**
 * A convolution that keeps the length, its input reflected at both ends (the odd sample of padding on the left).
 * @param layer.shortest the shortest input there can be, that for one frame
 */
export function convolve(
  g: GraphBuilder,
  { weights }: Codec,
  layer: Layer & { kernel: number; shortest: number; dilation?: number },
): Value {
  const { name, x, input, output, kernel, shortest, dilation = 1 } = layer;
  const total = (kernel - 1) * dilation;
  const right = Math.floor(total / 2);
  const weight = g.weight(weightNormalized(weights, `${name}.conv`, [output, input, kernel]));
  const bias = g.weight(weights.get(`${name}.conv.bias`, [output]));
  const padded = pad(g, { x, left: total - right, right, shortest });
  return g.op('Conv', [padded, weight, bias], {
    kernel_shape: { ints: [kernel] },
    dilations: { ints: [dilation] },
  });
}

/**
 * A convolution of kernel 2 · ratio and that stride: length → length / ratio, rounded up. The input is reflected at both
 * ends, on the right by as much more as makes its last frame whole (`EncodecConv1d._get_extra_padding_for_conv1d`).
 */
export function downsample(g: GraphBuilder, { weights }: Codec, layer: Layer & { ratio: number }): Value {
  const { name, x, input, output, ratio } = layer;
  const kernel = 2 * ratio;
  const right = Math.floor(ratio / 2);
  const weight = g.weight(weightNormalized(weights, `${name}.conv`, [output, input, kernel]));
  const bias = g.weight(weights.get(`${name}.conv.bias`, [output]));
  const over = g.op('Mod', [g.sizeOf(x, 2), g.int64([ratio])]);
  const extra = g.op('Mod', [g.op('Sub', [g.int64([ratio]), over]), g.int64([ratio])]);
  const padded = reflectShort(g, { x, left: ratio - right, right: g.add(extra, g.int64([right])) });
  return g.op('Conv', [padded, weight, bias], {
    kernel_shape: { ints: [kernel] },
    strides: { ints: [ratio] },
  });
}

function pad(g: GraphBuilder, padding: { x: Value; left: number; right: number; shortest: number }): Value {
  const { x, left, right, shortest } = padding;
  const most = Math.max(left, right);
  if (most === 0) return x;
  if (shortest > most) return reflect(g, x, g.int64([0, 0, left, 0, 0, right]));
  return reflectShort(g, { x, left, right: g.int64([right]) });
}

/** @param pads int64 [6], as Pad takes them for [B, channels, length] */
function reflect(g: GraphBuilder, x: Value, pads: Value): Value {
  return g.op('Pad', [x, pads], { mode: { string: 'reflect' } });
}

/**
 * Reflection needs an input longer than the padding. transformers extends a shorter one by zeros on the right,
 * reflects that, and cuts the extension's length off again (`EncodecConv1d._pad1d`).
 */
function reflectShort(g: GraphBuilder, pad: { x: Value; left: number; right: Value }): Value {
  const { x, left, right } = pad;
  const length = g.sizeOf(x, 2);
  const most = g.op('Max', [g.int64([left]), right]);
  const missing = g.op('Max', [g.op('Sub', [g.add(most, g.int64([1])), length]), g.int64([0])]);
  const extended = g.op('Pad', [x, g.concat([g.int64([0, 0, 0, 0, 0]), missing], 0)]);
  const reflected = reflect(g, extended, g.concat([g.int64([0, 0, left, 0, 0]), right], 0));
  const end = g.add(length, g.add(right, g.int64([left])));
  return g.slice(reflected, { start: g.int64([0]), end, axis: 2 });
}

/** A transposed convolution of kernel 2 · ratio, trimmed to length · ratio; the odd sample is trimmed on the left. */
export function upsample(g: GraphBuilder, { weights }: Codec, layer: Layer & { ratio: number }): Value {
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

/** x + Conv₁(ELU(Convₖ(ELU(x)))), with fewer channels between the two. */
export function residualUnit(
  g: GraphBuilder,
  codec: Codec,
  unit: { name: string; x: Value; channels: number; dilation: number; shortest: number },
): Value {
  const { config } = codec;
  const { name, x, channels, dilation, shortest } = unit;
  const inner = Math.floor(channels / config.compress);
  const narrowed = convolve(g, codec, {
    name: `${name}.block.1`,
    x: g.op('Elu', [x]),
    input: channels,
    output: inner,
    kernel: config.residual_kernel_size,
    dilation,
    shortest,
  });
  const widened = { name: `${name}.block.3`, x: g.op('Elu', [narrowed]), input: inner, output: channels };
  return g.add(x, convolve(g, codec, { ...widened, kernel: 1, shortest }));
}

/** The stacked LSTM over time, from a zero state: [B, channels, T] → the same. */
export function recur(g: GraphBuilder, codec: Codec, layer: RecurrentLayer): Value {
  let sequence = g.transpose(layer.x, [2, 0, 1]); // [T, B, size]
  for (let depth = 0; depth < codec.config.num_lstm_layers; depth++) {
    const inputs = [sequence, ...lstmWeights(g, codec, { ...layer, depth })];
    const hidden = g.op('LSTM', inputs, { hidden_size: { int: layer.channels } }); // [T, 1 direction, B, size]
    sequence = g.op('Squeeze', [hidden, g.int64([1])]);
  }
  return g.transpose(sequence, [1, 2, 0]);
}

/**
 * The same from a given state, with the state it ends in. A state is [2 · layers, B, channels]: the hidden state and the
 * cell of each layer.
 */
export function recurFrom(
  g: GraphBuilder,
  codec: Codec,
  layer: RecurrentLayer & { state: Value },
): { x: Value; state: Value } {
  const { num_lstm_layers } = codec.config;
  const parts = Array.from({ length: 2 * num_lstm_layers }, (_, part) => `${layer.name}.state.${part}`);
  g.node({ op: 'Split', inputs: [layer.state], outputs: parts, attributes: { axis: { int: 0 } } });
  let sequence = g.transpose(layer.x, [2, 0, 1]);
  const ends: Value[] = [];
  for (let depth = 0; depth < num_lstm_layers; depth++) {
    const [hidden = '', ...end] = ['hidden', 'end_hidden', 'end_cell'].map(
      (part) => `${layer.name}.${part}.${depth}`,
    );
    const start = parts.slice(2 * depth, 2 * depth + 2);
    // The empty name leaves out the lengths of the sequences, which are all the same.
    const inputs = [sequence, ...lstmWeights(g, codec, { ...layer, depth }), '', ...start];
    const attributes = { hidden_size: { int: layer.channels } };
    g.node({ op: 'LSTM', inputs, outputs: [hidden, ...end], attributes });
    sequence = g.op('Squeeze', [hidden, g.int64([1])]);
    ends.push(...end);
  }
  return { x: g.transpose(sequence, [1, 2, 0]), state: g.concat(ends, 0) };
}

interface RecurrentLayer {
  readonly name: string;
  readonly x: Value;
  readonly channels: number;
}

/** Of one layer: for the input, for the hidden state, and the biases. */
function lstmWeights(
  g: GraphBuilder,
  { weights }: Codec,
  { name, channels: size, depth }: { name: string; channels: number; depth: number },
): Value[] {
  const parameter = (part: string, shape: readonly number[]) =>
    inOnnxGateOrder(weights.get(`${name}.lstm.${part}_l${depth}`, shape));
  const biases = [parameter('bias_ih', [4 * size]), parameter('bias_hh', [4 * size])] as const;
  return [
    g.weight(parameter('weight_ih', [4 * size, size])),
    g.weight(parameter('weight_hh', [4 * size, size])),
    g.weight(joined(`${name}.lstm.bias_l${depth}`, ...biases)),
  ];
}

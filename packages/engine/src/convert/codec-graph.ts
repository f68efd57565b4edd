import { codecReach } from '../codecs/codec-reach.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { CodecConfig } from './checkpoint-config.ts';
import { type Codec, convolve, recur, recurFrom, residualUnit, upsample } from './codec-layers.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';

/**
 * The decoder half of EnCodec (https://arxiv.org/abs/2210.13438; transformers `EncodecDecoder`, not causal):
 * audio_codes int64 [1, B, codebooks, T] → audio_values float32 [B, 1, T · product of the ratios], not clipped.
 * Stereo checkpoints use the same mono codec once for each channel.
 */
export function buildCodecDecoderGraph(checkpoint: Checkpoint): GraphBuilder {
  const codec = codecOf(checkpoint);
  const g = new GraphBuilder('encodec_decode');
  const codes = declareCodes(g, checkpoint, 'chunk_length');
  const x = embedCodes(g, codec, codes);
  const states = g.add(x, recur(g, codec, { name: layerName(1), x, channels: widestOf(codec.config) }));
  outputAudio(g, codec, states);
  return g;
}

/**
 * The same in pieces that know of each other: the LSTM goes on from the state it was left in, and what is fed holds as
 * much of the neighbouring frames as the convolutions hear (`codecReach`).
 * - audio_codes int64 [1, B, codebooks, T], of which the LSTM hears the frames `span` [from, to); the others are for the
 *   first convolution only
 * - context [B, channels, 0 or more]: what the LSTM made of the frames before, the last of them
 * - lstm_state [2 · layers, B, channels]
 * → audio_values of the context's frames and of the span's, next_context and next_lstm_state.
 */
export function buildFastCodecGraph(checkpoint: Checkpoint): GraphBuilder {
  const codec = codecOf(checkpoint);
  const channels = widestOf(codec.config);
  const g = new GraphBuilder('encodec_decode_fast');
  const codes = declareCodes(g, checkpoint, 'frames');
  const span = g.input({ name: 'span', type: 'int64', shape: [2] });
  const contextShape = ['batch_size', channels, 'context_frames'];
  const context = g.input({ name: 'context', type: 'float32', shape: contextShape });
  const stateShape = [2 * codec.config.num_lstm_layers, 'batch_size', channels];
  const before = g.input({ name: 'lstm_state', type: 'float32', shape: stateShape });

  const [start, end] = [0, 1].map((at) => g.gather(span, g.int64([at])));
  const x = g.slice(embedCodes(g, codec, codes), { start: start as Value, end: end as Value, axis: 2 });
  const { x: heard, state } = recurFrom(g, codec, { name: layerName(1), x, channels, state: before });
  const states = g.concat([context, g.add(x, heard)], 2);
  outputAudio(g, codec, states);
  const kept = g.int64([-2 * codecReach(codec.config).states]);
  const next = g.slice(states, { start: kept, end: g.int64([endOfAxis]), axis: 2 });
  g.output(next, { name: 'next_context', type: 'float32', shape: ['batch_size', channels, 'kept_frames'] });
  g.output(state, { name: 'next_lstm_state', type: 'float32', shape: stateShape });
  return g;
}

const endOfAxis = 2 ** 31 - 1;

function codecOf({ config, weights }: Checkpoint): Codec {
  return { config: config.audio_encoder, weights };
}

function declareCodes(g: GraphBuilder, { config: { decoder } }: Checkpoint, frames: string) {
  const codebooks = decoder.num_codebooks / decoder.audio_channels;
  const shape = [1, 'batch_size', codebooks, frames];
  return { codes: g.input({ name: 'audio_codes', type: 'int64', shape }), codebooks };
}

/** The channels of the states that the LSTM hears. */
function widestOf({ num_filters, upsampling_ratios }: CodecConfig): number {
  return num_filters * 2 ** upsampling_ratios.length;
}

/** The codewords through the first convolution: [B, channels, T]. */
function embedCodes(g: GraphBuilder, codec: Codec, input: { codes: Value; codebooks: number }): Value {
  const x = sumCodewords(g, codec, input); // [B, codebook_dim, T]
  const sizes = { input: codewordSize(codec.config), output: widestOf(codec.config) };
  return convolve(g, codec, {
    name: layerName(0),
    x,
    ...sizes,
    kernel: codec.config.kernel_size,
    shortest: 1,
  });
}

/** From the states to the sound. */
function outputAudio(g: GraphBuilder, codec: Codec, states: Value): void {
  const { num_filters, last_kernel_size } = codec.config;
  const { stages, end } = planStages(codec.config);
  let x = states;
  for (const stage of stages) x = upsampleStage(g, codec, { ...stage, x });
  const last = { name: layerName(end.layer + 1), x: g.op('Elu', [x]), input: num_filters, output: 1 };
  const audio = convolve(g, codec, { ...last, kernel: last_kernel_size, shortest: end.hop });
  g.output(audio, { name: 'audio_values', type: 'float32', shape: ['batch_size', 1, 'audio_length'] });
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

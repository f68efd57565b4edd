import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { ServiceError } from '@musicgen/contract';
import { type CodecReach, codecReach } from './codecs/codec-reach.ts';
import { findGraphs, type GraphFiles, layoutOf, type ModelLayout, precisionOf } from './graph-files.ts';
import { broken, type JsonSection, jsonSection, readJsonObject } from './json-file.ts';
import { type PromptLimit, readPromptLimits } from './prompt-limits.ts';
import type { SamplingSettings } from './sampler.ts';

/** What a caller may know about a model. */
export interface ModelInfo {
  name: string;
  layout: ModelLayout;
  /** Of the decoder: `fp32`, `int8`, `int4`; what its file name says where nobody has recorded it. */
  precision: string;
  sampleRate: number;
  /** 1, or 2 for stereo. */
  channels: number;
  /** Frames per second. */
  frameRate: number;
  codebooks: number;
  /** What the decoder makes in one go; longer pieces are made of overlapping windows. */
  windowSeconds: number;
  /** Settings of a request that gives none. */
  defaults: SamplingSettings;
  /** Whether it can go on from any audio: that takes the codec's encoder, `encodec_encode`. */
  encodesAudio: boolean;
  licence?: string;
  /** A sentence that whoever gets this model's output should read. */
  notice?: string;
}

/** Frames around a stretch of codes that the codec must see to decode it as it would within the whole piece. */
export interface ChunkContext {
  leftFrames: number;
  rightFrames: number;
}

/** What the code needs to run a model, from its config files. */
export interface ModelConfig {
  info: ModelInfo;
  /** Rows of the codebooks: every code is below it. */
  vocabSize: number;
  /** Fills the cells of the delay pattern that hold no code; start, pad and bos are all this id. */
  specialId: number;
  /** Audio samples per frame and channel. */
  hopLength: number;
  windowFrames: number;
  decoderLayers: number;
  /** Numbers in a position's keys, and as many in its values, in each layer. */
  decoderWidth: number;
  textVocabSize: number;
  promptLimits: PromptLimit[];
  /** Of a codec in the standard layout; absent when it must see the whole piece at once. */
  chunkContext?: ChunkContext;
  /** Of a codec in the fast layout. */
  codecReach: CodecReach;
}

export interface ModelFolder {
  path: string;
  config: ModelConfig;
  graphs: GraphFiles;
}

/** Seconds that MusicGen was trained on, and so the longest window. */
const trainedSeconds = 30;

/**
 * Left and right context of the 32 kHz EnCodec decoder: 3.73 and 3.76 frames of convolutions, and, left, what its LSTM
 * remembers, which has faded below 1e-4 after 8 frames.
 */
const encodecContext: ChunkContext = { leftFrames: 50, rightFrames: 4 };

/**
 * Reads what a model folder (a Hugging Face MusicGen repository with ONNX graphs) says about itself, and finds its
 * graphs. Keys that a config leaves out have the defaults of Hugging Face's classes.
 * @throws ServiceError `model_load_failed` that names the file and what is wrong with it
 */
export async function readModelFolder(folder: string): Promise<ModelFolder> {
  const path = resolve(folder);
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new ServiceError('model_load_failed', `There is no model folder at ${path}`);
  }
  const config = jsonSection('config.json', await readJsonObject(path, 'config.json'));
  checkArchitecture(config);
  const generation = jsonSection(
    'generation_config.json',
    await readJsonObject(path, 'generation_config.json'),
  );
  const graphs = await findGraphs(path);
  return { path, config: readConfig(config, generation, { graphs, folderName: basename(path) }), graphs };
}

function checkArchitecture(config: JsonSection): void {
  const architecture = config.text('model_type');
  if (architecture === 'musicgen') return;
  const hint = architecture === 'musicgen_melody' ? '; melody models are not supported' : '';
  throw broken('config.json', `describes a model of type "${architecture}", not "musicgen"${hint}`);
}

function readConfig(
  config: JsonSection,
  generation: JsonSection,
  { graphs, folderName }: { graphs: GraphFiles; folderName: string },
): ModelConfig {
  const decoder = config.section('decoder');
  const codec = config.section('audio_encoder');
  const service = config.section('musicgen_service');
  const vocabSize = decoder.count('vocab_size', 2048);
  const codebooks = decoder.count('num_codebooks', 4);
  const channels = decoder.count('audio_channels', 1);
  checkCodebooks({ vocabSize, codebooks, channels, codecRows: codec.count('codebook_size', vocabSize) });
  const sampleRate = codec.count('sampling_rate', 24_000);
  const hopLength = codec.counts('upsampling_ratios', [8, 5, 4, 2]).reduce((a, b) => a * b);
  const frameRate = Math.ceil(sampleRate / hopLength);
  const positions = decoder.count('max_position_embeddings', 2048);
  const windowFrames = Math.min(trainedSeconds * frameRate, positions - codebooks / channels);
  if (windowFrames < 2) throw broken('config.json', `allows only ${positions} positions`);
  return {
    info: {
      name: service.text('name') ?? folderName,
      layout: layoutOf(graphs),
      precision: service.text('precision') ?? precisionOf(graphs),
      sampleRate,
      channels,
      frameRate,
      codebooks,
      windowSeconds: windowFrames / frameRate,
      defaults: readDefaults(generation),
      encodesAudio: graphs.codecEncoder !== undefined,
      licence: service.text('licence'),
      notice: service.text('notice'),
    },
    vocabSize,
    specialId: readSpecialId(decoder, generation, vocabSize),
    hopLength,
    windowFrames,
    decoderLayers: decoder.count('num_hidden_layers', 24),
    decoderWidth: decoder.count('hidden_size', 1024),
    textVocabSize: config.section('text_encoder').count('vocab_size', 32_128),
    promptLimits: readPromptLimits(config),
    chunkContext: readChunkContext(codec),
    codecReach: readCodecReach(codec),
  };
}

function checkCodebooks(sizes: Record<'vocabSize' | 'codebooks' | 'channels' | 'codecRows', number>): void {
  const { vocabSize, codebooks, channels, codecRows } = sizes;
  if (channels > 2 || codebooks % channels !== 0) {
    throw broken('config.json', `says ${codebooks} codebooks for ${channels} audio channels`);
  }
  if (codecRows < vocabSize) {
    throw broken('config.json', `has a decoder of ${vocabSize} codes for a codec that knows ${codecRows}`);
  }
  if (vocabSize > 65_535) throw broken('config.json', `says decoder.vocab_size = ${vocabSize}, over 65535`);
}

/** audiocraft's settings where the model's own generation_config.json has none. */
function readDefaults(generation: JsonSection): SamplingSettings {
  return {
    guidanceScale: generation.number('guidance_scale', 3),
    temperature: generation.number('temperature', 1),
    topK: generation.number('top_k', 250),
    topP: generation.number('top_p', 1),
  };
}

/** Recent saves leave out keys that equal the class default, so the id is looked for wherever it may be. */
function readSpecialId(decoder: JsonSection, generation: JsonSection, vocabSize: number): number {
  return (
    decoder.number('pad_token_id', undefined) ??
    generation.number('pad_token_id', undefined) ??
    decoder.number('bos_token_id', undefined) ??
    vocabSize
  );
}

/**
 * `audio_encoder.chunk_context` is our own key: `{"left_frames": 250, "right_frames": 1}`, or null for a codec that
 * must see the whole piece. Without it the codec is taken to be EnCodec.
 */
function readChunkContext(codec: JsonSection): ChunkContext | undefined {
  if (!codec.has('chunk_context')) return encodecContext;
  const context = codec.section('chunk_context');
  if (!context.has('left_frames')) return undefined;
  return { leftFrames: context.number('left_frames', 0), rightFrames: context.number('right_frames', 0) };
}

/** Keys that a config leaves out have the defaults of EncodecConfig. */
function readCodecReach(codec: JsonSection): CodecReach {
  return codecReach({
    kernel_size: codec.count('kernel_size', 7),
    last_kernel_size: codec.count('last_kernel_size', 7),
    residual_kernel_size: codec.count('residual_kernel_size', 3),
    dilation_growth_rate: codec.count('dilation_growth_rate', 2),
    num_residual_layers: codec.count('num_residual_layers', 1),
    upsampling_ratios: codec.counts('upsampling_ratios', [8, 5, 4, 2]),
  });
}

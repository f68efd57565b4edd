import { type AudioEncoder, prepareAudioEncoder } from './audio-encoder.ts';
import type { Codec } from './codecs/codec.ts';
import { openFastCodec } from './codecs/fast.ts';
import { openStandardCodec } from './codecs/standard.ts';
import type { Decoder } from './decoders/decoder.ts';
import { openFastDecoder } from './decoders/fast.ts';
import { openStandardDecoder } from './decoders/standard.ts';
import type { ExecutionProvider, Placement } from './execution-providers.ts';
import { type GraphFiles, isFastCodec, weightBytes } from './graph-files.ts';
import { type ModelConfig, readModelFolder } from './model-folder.ts';
import type { SessionOptions } from './sessions.ts';
import { openTextEncoder, type PromptEncoder } from './text-encoder.ts';
import { type EncodePrompt, loadTokenizer } from './tokenizer.ts';

/** A model with all its graphs in memory. */
export interface Model {
  config: ModelConfig;
  tokenize: EncodePrompt;
  textEncoder: PromptEncoder;
  decoder: Decoder;
  codec: Codec;
  /** Absent when the folder has no `encodec_encode`. */
  audioEncoder?: AudioEncoder;
  /** Where each graph runs. */
  placements: Placement[];
}

export interface LoadOptions {
  modelFolder: string;
  /** Threads of one operator; absent: what the size of each graph deserves. */
  threads?: number;
  /** What to run the graphs with, in order of preference; absent: the CPU. */
  providers?: readonly ExecutionProvider[];
}

type SessionSettings = Pick<SessionOptions, 'threads' | 'providers' | 'onPlaced'>;

/**
 * A graph with less weights than this is run by one thread: its operators are done before others would have woken, and
 * on a busy machine waiting for them makes a step three times as long (measured with musicgen-tiny).
 */
const oneThreadBytes = 64 * 2 ** 20;

/**
 * Loads a model folder.
 * @throws ServiceError `model_load_failed` naming the file and what is wrong with it
 */
export async function loadModel({ modelFolder, threads, providers }: LoadOptions): Promise<Model> {
  const { path, config, graphs } = await readModelFolder(modelFolder);
  const placements: Placement[] = [];
  const settings = { threads, providers, onPlaced: (it: Placement) => void placements.push(it) };
  return {
    config,
    tokenize: await loadTokenizer(path, config.textVocabSize),
    textEncoder: await openTextEncoder(await sessionOptions(graphs.textEncoder, 'return', settings)),
    decoder: await openDecoder(graphs, config, settings),
    codec: await openCodec(graphs.codec, config, settings),
    ...(graphs.codecEncoder !== undefined && {
      audioEncoder: prepareAudioEncoder(
        await sessionOptions(graphs.codecEncoder, 'return', settings),
        config,
      ),
    }),
    placements,
  };
}

async function openDecoder(
  { decoder, decoderText }: GraphFiles,
  config: ModelConfig,
  settings: SessionSettings,
): Promise<Decoder> {
  const options = await sessionOptions(decoder, 'keep', settings);
  if (decoderText === undefined) return await openStandardDecoder(options, config);
  return await openFastDecoder(
    { decoder: options, text: { ...options, path: decoderText, memory: 'return' } },
    config,
  );
}

async function openCodec(path: string, config: ModelConfig, settings: SessionSettings): Promise<Codec> {
  const options = await sessionOptions(path, 'return', settings);
  return isFastCodec(path) ? openFastCodec(options, config) : openStandardCodec(options, config);
}

/** Frees what the graphs hold outside the JavaScript heap. */
export async function releaseModel(model: Model): Promise<void> {
  await model.textEncoder.release();
  await model.decoder.release();
  await model.codec.release();
  await model.audioEncoder?.release();
}

async function sessionOptions(
  path: string,
  memory: SessionOptions['memory'],
  settings: SessionSettings,
): Promise<SessionOptions> {
  const isSmall = settings.threads === undefined && (await weightBytes(path)) < oneThreadBytes;
  return { ...settings, path, memory, ...(isSmall && { threads: 1 }) };
}

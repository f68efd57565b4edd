import { type Codec, openCodec } from './codec.ts';
import type { Decoder } from './decoders/decoder.ts';
import { openStandardDecoder } from './decoders/standard.ts';
import { type ModelConfig, readModelFolder } from './model-folder.ts';
import { openTextEncoder, type PromptEncoder } from './text-encoder.ts';
import { type EncodePrompt, loadTokenizer } from './tokenizer.ts';

/** A model with all its graphs in memory. */
export interface Model {
  config: ModelConfig;
  tokenize: EncodePrompt;
  textEncoder: PromptEncoder;
  decoder: Decoder;
  codec: Codec;
}

export interface LoadOptions {
  modelFolder: string;
  /** Threads of one operator; absent: one per physical core. */
  threads?: number;
}

/**
 * Loads a model folder.
 * @throws ServiceError `model_load_failed` naming the file and what is wrong with it
 */
export async function loadModel({ modelFolder, threads }: LoadOptions): Promise<Model> {
  const { path, config, graphs } = await readModelFolder(modelFolder);
  return {
    config,
    tokenize: await loadTokenizer(path, config.textVocabSize),
    textEncoder: await openTextEncoder({ path: graphs.textEncoder, threads, memory: 'return' }),
    decoder: await openStandardDecoder({ path: graphs.decoder, threads, memory: 'keep' }, config),
    codec: await openCodec({ path: graphs.codec, threads, memory: 'return' }, config),
  };
}

/** Frees what the graphs hold outside the JavaScript heap. */
export async function releaseModel(model: Model): Promise<void> {
  await model.textEncoder.release();
  await model.decoder.release();
  await model.codec.release();
}

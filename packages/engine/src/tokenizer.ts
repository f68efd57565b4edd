import { Tokenizer } from '@huggingface/tokenizers';
import { broken, jsonSection, readJsonObject } from './json-file.ts';

export interface PromptTokens {
  ids: number[];
  /** Whether the prompt was longer than the model takes and lost its end. */
  truncated: boolean;
}

export type EncodePrompt = (prompt: string) => PromptTokens;

/** A tokenizer_config.json without a limit carries 10^30 instead. */
const longestLimit = 4096;

/**
 * Loads a model's tokenizer. The function it returns turns a prompt into ids with the final `</s>`; what goes beyond
 * the tokenizer's `model_max_length` is cut off before the `</s>`.
 * @param textVocabSize rows of the text encoder's embedding: every id must be below it. An embedding may have more rows, to
 * a round number (T5's has 28), but not twice as many
 * @throws ServiceError `model_load_failed` when the files are missing, broken or made for another text encoder
 */
export async function loadTokenizer(folder: string, textVocabSize: number): Promise<EncodePrompt> {
  const config = await readJsonObject(folder, 'tokenizer_config.json');
  const tokenizer = buildTokenizer(await readJsonObject(folder, 'tokenizer.json'), config);
  const largestId = [...tokenizer.get_vocab().values()].reduce((a, b) => Math.max(a, b), 0);
  if (largestId >= textVocabSize || largestId < textVocabSize / 2) {
    const knows = largestId < textVocabSize ? `knows ${textVocabSize}` : `knows only ${textVocabSize}`;
    const problem = `has ids up to ${largestId}, but the text encoder ${knows}: it belongs to another model`;
    throw broken('tokenizer.json', problem);
  }
  const limit = jsonSection('tokenizer_config.json', config).number('model_max_length', longestLimit);
  return (prompt) => truncate(tokenizer.encode(prompt).ids, Math.min(limit, longestLimit));
}

function buildTokenizer(json: object, config: object): Tokenizer {
  try {
    return new Tokenizer(json, config);
  } catch (error) {
    throw broken('tokenizer.json', `is not a tokenizer: ${(error as Error).message}`, error);
  }
}

function truncate(ids: number[], limit: number): PromptTokens {
  if (ids.length <= limit) return { ids, truncated: false };
  return { ids: [...ids.slice(0, limit - 1), ids.at(-1) as number], truncated: true };
}

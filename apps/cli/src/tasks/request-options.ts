import type { GenerateRequestInput } from '@musicgen/client';
import { type AudioFormat, audioFormatNames, type Priority } from '@musicgen/contract';
import { type Command, Option } from 'commander';
import { priorityOption, toNumber } from '../options.ts';

/** What of a request the command line takes as options; the service checks it. */
export interface RequestOptions {
  duration?: number;
  seed?: number;
  priority?: Priority;
  model?: string;
  negative?: string;
  temperature?: number;
  topK?: number;
  topP?: number;
  guidance?: number;
  continueFrom?: string;
  fadeOut?: number;
  preview?: boolean;
  ttl?: number;
  tags: boolean;
}

/** Adds them to a command. */
export function addRequestOptions(command: Command): Command {
  return command
    .option('-d, --duration <seconds>', 'length of the piece; 10 when absent', toNumber)
    .option('-s, --seed <number>', 'the same seed, request and model give the same piece', toNumber)
    .addOption(priorityOption('CRITICAL, HIGH, NORMAL or LOW'))
    .option('-m, --model <id>', 'one of those that `musicgen models list` shows at the service')
    .option('--negative <text>', 'what the music should not be like')
    .option('--temperature <number>', '0 always takes the likeliest', toNumber)
    .option('--top-k <number>', 'sample from the k likeliest', toNumber)
    .option('--top-p <number>', 'sample from the likeliest that make up this share', toNumber)
    .option('--guidance <number>', 'how closely to follow the prompt; 1 is off', toNumber)
    .option('--continue-from <id-or-file>', 'go on from the audio of this task, or from this WAV file')
    .option('--fade-out <seconds>', 'fade the end out to silence', toNumber)
    .option('--preview', 'let `musicgen download --preview` have what is done so far, while the rest is made')
    .option('--ttl <seconds>', 'remove the task and its audio after this long', toNumber)
    .option('--no-tags', 'write nothing into the files about how they were made');
}

export function formatOption(): Option {
  return new Option('-f, --format <format>', 'of the audio file').choices(audioFormatNames);
}

/** The request but for its prompt, as the service takes it; what is undefined, JSON leaves out. */
export function parametersOf(
  options: RequestOptions,
  format: AudioFormat | undefined,
): Omit<GenerateRequestInput, 'prompt'> {
  const { negative, topK, topP, guidance, fadeOut, preview, tags } = options;
  const { duration, seed, priority, model, temperature, ttl } = options;
  return {
    ...{ duration, seed, priority, model, temperature, ttl, format },
    negative_prompt: negative,
    top_k: topK,
    top_p: topP,
    guidance_scale: guidance,
    fade_out: fadeOut,
    preview,
    tags: tags ? undefined : false,
  };
}

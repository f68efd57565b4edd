import { text } from 'node:stream/consumers';
import { maxPromptLength, ServiceError } from '@musicgen/contract';

/** Prompts as they were given: one as arguments, or one a line of standard input. */
export interface Prompts {
  kind: 'single' | 'batch';
  prompts: [string, ...string[]];
}

/** @throws ServiceError `invalid_request` */
export async function readPrompts(words: readonly string[]): Promise<Prompts> {
  if (words.length > 0) return { kind: 'single', prompts: [checked(words.join(' '), 'The prompt')] };
  if (process.stdin.isTTY)
    throw refusal('What should the music be like? musicgen generate "calm lofi with soft piano"');
  const lines = (await text(process.stdin)).split('\n');
  const prompts = lines.flatMap((line, index) =>
    line.trim() === '' ? [] : [checked(line, `Line ${index + 1}`)],
  );
  const [first, ...others] = prompts;
  if (first === undefined) throw refusal('Standard input held no prompt: write one a line.');
  return { kind: 'batch', prompts: [first, ...others] };
}

/** The service would say so, too, but not by the line. */
function checked(prompt: string, where: string): string {
  const { length } = prompt.trim();
  if (length <= maxPromptLength) return prompt.trim();
  throw refusal(`${where} has ${length} characters; at most ${maxPromptLength} are taken.`);
}

function refusal(sentence: string): ServiceError {
  return new ServiceError('invalid_request', sentence);
}

import { createInterface } from 'node:readline/promises';
import { ServiceError } from '@musicgen/contract';
import type { Context } from './context.ts';

/**
 * Asks on the terminal before something that cannot be undone.
 * @throws ServiceError `invalid_request` where nobody can be asked, naming the option that answers
 */
export async function confirm(context: Context, question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new ServiceError('invalid_request', `${question} There is no terminal to ask on; add --yes`);
  }
  const reader = createInterface({ input: process.stdin, output: context.terminal });
  try {
    const answer = await reader.question(`${question} [y/N] `, { signal: context.signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    reader.close();
  }
}

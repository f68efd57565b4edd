import type { AudioFormat } from '@musicgen/contract';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonOption, toTaskId } from '../options.ts';
import { type DeliverOptions, deliver } from './deliver.ts';
import { planOutput } from './output-files.ts';
import { formatOption } from './request-options.ts';

interface RetryOptions extends DeliverOptions {
  output?: string;
  format?: AudioFormat;
}

const examples = `
Examples:
  musicgen retry 019ac4a1-7d5e-7000-8000-5f1c7e2b9a10
  musicgen retry 019ac4a1-7d5e-7000-8000-5f1c7e2b9a10 --no-wait`;

/** `musicgen retry` */
export function retryCommand(context: Context): Command {
  return new Command('retry')
    .description('Submit the request of a finished task once more, seed and all, as a new task.')
    .argument('<id>', 'id of a task that has ended', toTaskId)
    .option('-o, --output <path>', 'file, folder, or - for standard output')
    .addOption(formatOption())
    .option('--open', 'play the file with what the desktop plays it with')
    .option('--no-wait', 'only submit, and print the id')
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (id: string, options: RetryOptions) => {
      const output = await planOutput(context, options, 1);
      const client = context.client();
      const tasks = [await client.retryTask(id, { signal: context.signal })];
      await deliver(context, { client, tasks, output, kind: 'one' }, options);
    });
}

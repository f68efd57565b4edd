import type { Client, GenerateRequestInput, SubmissionInput, Task } from '@musicgen/client';
import { type AudioFormat, maxBatchLength, ServiceError } from '@musicgen/contract';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { formatSeconds } from '../format.ts';
import { jsonOption, toCount } from '../options.ts';
import { continuationOf } from './continuation.ts';
import { type DeliverOptions, deliver } from './deliver.ts';
import { planOutput } from './output-files.ts';
import { readPrompts } from './prompts.ts';
import { addRequestOptions, formatOption, parametersOf, type RequestOptions } from './request-options.ts';

interface GenerateOptions extends RequestOptions, DeliverOptions {
  output?: string;
  format?: AudioFormat;
  variations: number;
  dryRun?: boolean;
}

const examples = `
Examples:
  musicgen generate "calm lofi with soft piano, 80 bpm" -d 20 -o calm.flac
  musicgen generate "driving techno" -n 4 --seed 7 --open
  musicgen generate "epic orchestra" --priority high --dry-run
  musicgen generate "rain on a tin roof" -o - | ffplay -autoexit -
  musicgen generate --no-wait --json < prompts.txt | jq -r '.[].id'

Without a prompt every line of standard input is one, and all are submitted together. Without -o the audio is saved as
musicgen-<seed>.wav. Ctrl-C asks whether to cancel; a second one leaves the task to itself.`;

/** `musicgen generate` */
export function generateCommand(context: Context): Command {
  const command = new Command('generate')
    .alias('gen')
    .description('Make music from a prompt, and save it.')
    .argument('[prompt...]', 'what the music should be like; standard input when absent')
    .option('-o, --output <path>', 'file, folder, or - for standard output; its ending decides the format')
    .addOption(formatOption())
    .option('-n, --variations <number>', 'so many pieces, with consecutive seeds', toCount, 1);
  return addRequestOptions(command)
    .option('--open', 'play the file with what the desktop plays it with')
    .option('--no-wait', 'only submit, and print the id')
    .option('--dry-run', 'only say when it would be done')
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action((words: string[], options: GenerateOptions) => generate(context, words, options));
}

async function generate(context: Context, words: string[], options: GenerateOptions): Promise<void> {
  const { kind, prompts } = await readPrompts(words);
  if (kind === 'batch' && options.variations > 1)
    throw new ServiceError(
      'invalid_request',
      '--variations goes with one prompt; write a line more than once.',
    );
  const output = await planOutput(context, options, prompts.length * options.variations);
  const client = context.client();
  const parameters = {
    ...parametersOf(options, output.format),
    continue_from: await continuationOf(context, client, options.continueFrom),
  };
  const toRequest = (prompt: string) => ({ ...parameters, prompt });
  const request = toRequest(prompts[0]);
  if (options.dryRun) return foresee(context, client, { request, ...options });
  const tasks =
    kind === 'batch'
      ? await submitBatches(context, client, prompts.map(toRequest))
      : await submitVariations(context, client, { ...request, n: options.variations });
  const isList = kind === 'batch' || options.variations > 1;
  await deliver(context, { client, tasks, output, kind: isList ? 'list' : 'one' }, options);
}

async function submitVariations(
  { signal }: Context,
  client: Client,
  request: SubmissionInput,
): Promise<Task[]> {
  const task = await client.generate(request, { signal });
  const others = (task.variations ?? []).slice(1);
  return [task, ...(await Promise.all(others.map(({ id }) => client.getTask(id, { signal }))))];
}

async function submitBatches(
  { signal }: Context,
  client: Client,
  requests: GenerateRequestInput[],
): Promise<Task[]> {
  const tasks: Task[] = [];
  for (let start = 0; start < requests.length; start += maxBatchLength) {
    const batch = await client.submitBatch(requests.slice(start, start + maxBatchLength), { signal });
    tasks.push(...batch.tasks);
  }
  return tasks;
}

interface DryRun {
  request: GenerateRequestInput;
  variations: number;
  json?: boolean;
}

async function foresee(
  context: Context,
  client: Client,
  { request, variations, json = false }: DryRun,
): Promise<void> {
  const estimate = await client.estimate({ ...request, n: variations }, { signal: context.signal });
  if (json) return context.printJson(estimate);
  const { start_at, finish_at } = estimate.eta;
  if (start_at === null || finish_at === null)
    return context.print('Nobody can say: no live worker takes tasks of this priority.');
  const until = (time: string) => formatSeconds((Date.parse(time) - Date.now()) / 1000);
  context.print(`It would start in ${until(start_at)} and be done in ${until(finish_at)}.`);
}

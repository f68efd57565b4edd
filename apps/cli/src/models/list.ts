import { Command } from 'commander';
import type { Context } from '../context.ts';
import { formatBytes } from '../format.ts';
import { jsonOption } from '../options.ts';
import { listModels, type ModelEntry } from './installed-models.ts';

const examples = `
Examples:
  musicgen models list
  musicgen models list --json | jq -r '.[].id'`;

/** `musicgen models list` */
export function listCommand(context: Context): Command {
  return new Command('list')
    .alias('ls')
    .description('The models on this machine; * marks the default.')
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action((options: { json?: boolean }) => list(context, options));
}

async function list(context: Context, { json = false }: { json?: boolean }): Promise<void> {
  const models = await listModels(context.config());
  if (json) return context.printJson(models);
  const head = ['', 'id', 'layout', 'precision', 'size', 'sound', 'licence'];
  context.printTable([head, ...models.map(toRow)]);
  for (const { id, problem } of models) if (problem !== null) context.tell(`${id}: ${problem}`);
}

function toRow(model: ModelEntry): string[] {
  const { id, layout, precision, bytes, licence, sample_rate: rate, channels, problem } = model;
  const sound = rate === null ? '' : `${rate / 1000} kHz ${channels === 2 ? 'stereo' : 'mono'}`;
  const mark = model.default ? '*' : '';
  return [
    mark,
    id,
    layout ?? '',
    precision ?? '',
    formatBytes(bytes),
    sound,
    problem ? 'broken' : (licence ?? 'not stated'),
  ];
}

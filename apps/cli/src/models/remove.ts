import { resolve } from 'node:path';
import { ServiceError } from '@musicgen/contract';
import { folderBytes, modelFolder, removeModel, requireModelFolder } from '@musicgen/models';
import { Command } from 'commander';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { formatBytes } from '../format.ts';

const examples = `
Examples:
  musicgen models remove musicgen-small-int8
  musicgen models remove musicgen-small-int8 --yes`;

/** `musicgen models remove` */
export function removeCommand(context: Context): Command {
  return new Command('remove')
    .alias('rm')
    .description('Remove a model from MODELS_PATH.')
    .argument('<id>', 'as `musicgen models list` shows it')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples)
    .action((id: string, options: { yes?: boolean }) => remove(context, id, options));
}

async function remove(context: Context, id: string, { yes = false }: { yes?: boolean }): Promise<void> {
  const { MODELS_PATH, MODEL_PATH } = context.config();
  const folder = modelFolder(MODELS_PATH, id);
  if (folder === resolve(MODEL_PATH)) {
    throw new ServiceError(
      'invalid_request',
      `${id} is the default model (MODEL_PATH); choose another one first`,
    );
  }
  await requireModelFolder(MODELS_PATH, id);
  const bytes = await folderBytes(folder);
  if (!yes && !(await confirm(context, `Remove ${folder} (${formatBytes(bytes)})?`))) return;
  await removeModel(MODELS_PATH, id);
  context.print(`${id}  removed, ${formatBytes(bytes)} freed`);
}

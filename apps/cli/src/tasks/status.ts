import { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonOption, toTaskId } from '../options.ts';
import { idOrLatest, namedTask } from './named-task.ts';
import { taskRows } from './task-text.ts';

const examples = `
Examples:
  musicgen status
  musicgen status 019ac4a1-7d5e-7000-8000-5f1c7e2b9a10
  musicgen status --json | jq .progress.ratio`;

/** `musicgen status` */
export function statusCommand(context: Context): Command {
  return new Command('status')
    .description('Show a task as it is now.')
    .argument('[id]', idOrLatest, toTaskId)
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (id: string | undefined, { json = false }: { json?: boolean }) => {
      const task = await namedTask(context, context.client(), id);
      if (json) context.printJson(task);
      else context.printTable(taskRows(task));
    });
}

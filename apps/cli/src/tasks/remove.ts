import { Command } from 'commander';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { toTaskIds, yesOption } from '../options.ts';
import { forEachId } from './for-each-id.ts';

const examples = `
Examples:
  musicgen rm 019ac4a1-7d5e-7000-8000-5f1c7e2b9a10
  musicgen ls --status failed --json | jq -r '.[].id' | xargs musicgen rm --yes`;

/** `musicgen rm` */
export function removeCommand(context: Context): Command {
  return new Command('rm')
    .alias('remove')
    .description('Remove tasks with their audio; cancels those that have not ended.')
    .argument('<id...>', 'ids of tasks', toTaskIds)
    .addOption(yesOption())
    .addHelpText('after', examples)
    .action(async (ids: string[], { yes = false }: { yes?: boolean }) => {
      const what = ids.length === 1 ? `task ${ids[0]} and its audio` : `${ids.length} tasks and their audio`;
      if (!yes && !(await confirm(context, `Remove ${what} at the service?`))) return;
      const client = context.client();
      await forEachId(context, ids, async (id) => {
        await client.deleteTask(id, { signal: context.signal });
        context.print(`${id}  removed`);
      });
    });
}

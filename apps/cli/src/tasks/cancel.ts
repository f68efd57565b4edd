import { Command } from 'commander';
import type { Context } from '../context.ts';
import { toTaskIds } from '../options.ts';
import { forEachId } from './for-each-id.ts';

const examples = `
Examples:
  musicgen cancel 019ac4a1-7d5e-7000-8000-5f1c7e2b9a10
  musicgen ls --status pending --json | jq -r '.[].id' | xargs musicgen cancel`;

/** `musicgen cancel` */
export function cancelCommand(context: Context): Command {
  return new Command('cancel')
    .description('Cancel tasks, waiting or running.')
    .argument('<id...>', 'ids of tasks', toTaskIds)
    .addHelpText('after', examples)
    .action(async (ids: string[]) => {
      const client = context.client();
      await forEachId(context, ids, async (id) => {
        const { status } = await client.cancelTask(id, { signal: context.signal });
        context.print(`${id}  ${status === 'cancelled' ? status : 'stopping'}`);
      });
    });
}

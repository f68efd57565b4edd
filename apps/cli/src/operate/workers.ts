import type { LiveWorkers } from '@musicgen/client';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonOption } from '../options.ts';

/** `musicgen workers …` */
export function workersCommand(context: Context): Command {
  return new Command('workers')
    .description('Look at the live workers, and let one finish.')
    .addHelpText('after', '\nExamples:\n  musicgen workers ls\n  musicgen workers drain host-1-a3f9')
    .addCommand(listCommand(context))
    .addCommand(drainCommand(context));
}

function listCommand(context: Context): Command {
  return new Command('ls')
    .alias('list')
    .description('The live workers, what they run and how fast.')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      "\nExamples:\n  musicgen workers ls\n  musicgen workers ls --json | jq '.workers[].id'",
    )
    .action(async ({ json = false }: { json?: boolean }) => {
      const workers = await context.client().getWorkers({ signal: context.signal });
      if (json) return context.printJson(workers);
      if (workers.total === 0) return context.tell('No worker is alive.');
      context.printTable(workerRows(workers));
    });
}

/** Workers as rows of a table, with its head. */
export function workerRows({ workers }: Pick<LiveWorkers, 'workers'>): string[][] {
  const rows = workers.map(({ id, state, slots, busy_slots: busy, priorities, models }) => [
    id,
    state,
    `${busy} of ${slots}`,
    priorities.join(','),
    models.map((model) => `${model.id} ${model.precision} ${Math.round(model.speed.all)}/s`).join(', '),
  ]);
  return [['worker', 'state', 'busy', 'serves', 'models (frames a second)'], ...rows];
}

function drainCommand(context: Context): Command {
  return new Command('drain')
    .description('Let a worker finish what fits, hand the rest back, and exit.')
    .argument('<id>', 'as `musicgen workers ls` shows it')
    .addHelpText('after', '\nExamples:\n  musicgen workers drain host-1-a3f9')
    .action(async (id: string) => {
      const { state } = await context.client().drainWorker(id, { signal: context.signal });
      context.print(`${id}  ${state}`);
    });
}

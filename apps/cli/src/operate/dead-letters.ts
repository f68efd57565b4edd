import { Command } from 'commander';
import type { Context } from '../context.ts';
import { formatAge, plainLine } from '../format.ts';
import { jsonOption, toCount } from '../options.ts';
import { forEachId } from '../tasks/for-each-id.ts';

/** `musicgen dlq …` */
export function deadLettersCommand(context: Context): Command {
  return new Command('dlq')
    .description('Look at dead letters, tasks that used up their attempts, and requeue or drop them.')
    .addHelpText(
      'after',
      "\nExamples:\n  musicgen dlq ls\n  musicgen dlq ls --json | jq -r '.tasks[].id' | xargs musicgen dlq requeue",
    )
    .addCommand(listCommand(context))
    .addCommand(requeueCommand(context))
    .addCommand(dropCommand(context));
}

function listCommand(context: Context): Command {
  return new Command('ls')
    .alias('list')
    .description('Dead letters, the latest first.')
    .option('-l, --limit <number>', 'at most so many, 100 at most', toCount, 20)
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  musicgen dlq ls --limit 100')
    .action(async ({ limit, json = false }: { limit: number; json?: boolean }) => {
      const page = await context.client().listDeadLetters({ limit }, { signal: context.signal });
      if (json) return context.printJson(page);
      if (page.total === 0) return context.tell('There is no dead letter.');
      const rows = page.tasks.map((task) => [
        task.id,
        task.priority,
        `${task.attempt} of ${task.max_attempts}`,
        String(task.stalls),
        task.died_at === null ? '-' : formatAge(task.died_at),
        task.error ? `${task.error.code}: ${plainLine(task.error.detail)}` : '',
      ]);
      context.printTable([['id', 'priority', 'attempts', 'lost workers', 'died', 'reason'], ...rows]);
      if (page.total > rows.length) context.tell(`${rows.length} of ${page.total}`);
    });
}

function requeueCommand(context: Context): Command {
  return new Command('requeue')
    .description('Give dead letters all their attempts and their time to live again.')
    .argument('<id...>', 'as `musicgen dlq ls` shows them')
    .addHelpText('after', '\nExamples:\n  musicgen dlq requeue 019ac4a1-7d5e-7000-8000-5f1c7e2b9a10')
    .action(async (ids: string[]) => {
      const client = context.client();
      await forEachId(context, ids, async (id) => {
        const { status } = await client.requeueDeadLetter(id, { signal: context.signal });
        context.print(`${id}  ${status}`);
      });
    });
}

function dropCommand(context: Context): Command {
  return new Command('drop')
    .description('Strike dead letters off the list; the failed tasks stay until their time is over.')
    .argument('<id...>', 'as `musicgen dlq ls` shows them')
    .addHelpText('after', '\nExamples:\n  musicgen dlq drop 019ac4a1-7d5e-7000-8000-5f1c7e2b9a10')
    .action(async (ids: string[]) => {
      const client = context.client();
      await forEachId(context, ids, async (id) => {
        await client.dropDeadLetter(id, { signal: context.signal });
        context.print(`${id}  dropped`);
      });
    });
}

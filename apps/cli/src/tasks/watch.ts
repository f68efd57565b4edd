import { failureOf } from '@musicgen/client';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonOption, toTaskId } from '../options.ts';
import { followTasks } from './follow-tasks.ts';
import { idOrLatest, namedTask } from './named-task.ts';

const examples = `
Examples:
  musicgen watch
  musicgen watch 019ac4a1-7d5e-7000-8000-5f1c7e2b9a10 && musicgen download 019ac4a1-7d5e-7000-8000-5f1c7e2b9a10
  musicgen watch --json | jq --unbuffered -r '[.type, .change.progress.ratio] | @tsv'

With --json every change is a line. The exit code says how the task ended.`;

/** `musicgen watch` */
export function watchCommand(context: Context): Command {
  return new Command('watch')
    .description('Follow a task to its end.')
    .argument('[id]', idOrLatest, toTaskId)
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action((id: string | undefined, options: { json?: boolean }) => watch(context, id, options));
}

async function watch(
  context: Context,
  id: string | undefined,
  { json = false }: { json?: boolean },
): Promise<void> {
  const client = context.client();
  const task = await namedTask(context, client, id);
  const ended = json ? await printChanges() : await follow();
  if (!json && ended) context.print(`${ended.id}  ${ended.status}`);
  const failure = ended && failureOf(ended);
  if (failure) throw failure;

  async function follow() {
    const [last] = await followTasks(context, [task], { client, onEnd: async () => {} });
    return last;
  }

  async function printChanges() {
    let known = task;
    for await (const { type, task: changed, change } of client.followTask(task.id, {
      signal: context.signal,
    })) {
      known = changed;
      context.print(JSON.stringify({ type, change }));
    }
    return known;
  }
}

import type { QueueState } from '@musicgen/client';
import type { Priority } from '@musicgen/contract';
import { Argument, Command } from 'commander';
import type { Context } from '../context.ts';
import { formatSeconds } from '../format.ts';
import { jsonOption, toPriority } from '../options.ts';

const examples = `
Examples:
  musicgen queue stats
  musicgen queue pause low
  musicgen queue resume low`;

/** `musicgen queue …` */
export function queueCommand(context: Context): Command {
  return new Command('queue')
    .description('Look at the queues, pause and resume them.')
    .addHelpText('after', examples)
    .addCommand(statsCommand(context))
    .addCommand(switchCommand(context, 'pause'))
    .addCommand(switchCommand(context, 'resume'));
}

function statsCommand(context: Context): Command {
  return new Command('stats')
    .alias('ls')
    .description('How many tasks wait, how long, and when a piece of 10 s would be done.')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  musicgen queue stats\n  musicgen queue stats --json | jq .waiting')
    .action(async ({ json = false }: { json?: boolean }) => {
      const state = await context.client().getQueueState({ signal: context.signal });
      if (json) return context.printJson(state);
      context.printTable(queueRows(state));
      context.print(`\n${summaryOf(state)}`);
    });
}

/** Queues as rows of a table, with its head. */
export function queueRows({ queues }: Pick<QueueState, 'queues'>): string[][] {
  const rows = queues.map(({ priority, length, oldest_task_age: age, paused, eta }) => [
    priority,
    String(length),
    age === null ? '-' : formatSeconds(age),
    eta === null ? '-' : formatSeconds(eta.finish_in),
    paused ? 'paused' : '',
  ]);
  return [['queue', 'waiting', 'oldest', '10 s ready in', ''], ...rows];
}

function summaryOf({ accepting, waiting, capacity, processing, wait }: QueueState): string {
  const room = accepting ? '' : ', full: nothing more is taken';
  const waited =
    wait.p50 === null ? '' : `; half of the last hour's waited ${formatSeconds(wait.p50)} or less`;
  return `${waiting} of ${capacity} waiting${room}, ${processing} processing${waited}`;
}

const switches = {
  pause: 'Keep workers from taking tasks of a priority; what runs goes on, and new tasks are admitted.',
  resume: 'Let workers take tasks of a priority again.',
};

function switchCommand(context: Context, action: 'pause' | 'resume'): Command {
  return new Command(action)
    .description(switches[action])
    .addArgument(new Argument('<priority>', 'CRITICAL, HIGH, NORMAL or LOW').argParser(toPriority))
    .addHelpText('after', `\nExamples:\n  musicgen queue ${action} low`)
    .action(async (priority: Priority) => {
      const client = context.client();
      const call = action === 'pause' ? client.pauseQueue : client.resumeQueue;
      const { paused_priorities: paused } = await call(priority, { signal: context.signal });
      const now = paused.length === 0 ? 'none is paused now' : `paused now: ${paused.join(', ')}`;
      context.print(`${priority}  ${action}d; ${now}`);
    });
}

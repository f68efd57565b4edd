import type { Task } from '@musicgen/client';
import { type Priority, type TaskStatus, taskStatuses } from '@musicgen/contract';
import { Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { formatAge, plainLine } from '../format.ts';
import { jsonOption, priorityOption, toCount } from '../options.ts';
import { describeStatus } from './task-text.ts';

interface ListOptions {
  status?: TaskStatus;
  priority?: Priority;
  limit: number;
  json?: boolean;
}

const examples = `
Examples:
  musicgen ls
  musicgen ls --status failed --limit 100
  musicgen ls --status pending --json | jq -r '.[].id' | xargs musicgen cancel`;

/** `musicgen ls` */
export function listCommand(context: Context): Command {
  return new Command('ls')
    .alias('list')
    .description('List your tasks, the latest first.')
    .addOption(new Option('--status <status>', 'only these').choices(taskStatuses))
    .addOption(priorityOption('only of this priority'))
    .option('-l, --limit <number>', 'at most so many', toCount, 20)
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action((options: ListOptions) => list(context, options));
}

async function list(context: Context, { status, priority, limit, json = false }: ListOptions): Promise<void> {
  const tasks: Task[] = [];
  const pages = context
    .client()
    .eachTask({ status, priority, limit: Math.min(limit, 100) }, { signal: context.signal });
  for await (const task of pages) if (tasks.push(task) >= limit) break;
  if (json) return context.printJson(tasks);
  if (tasks.length === 0) return context.tell('There is no such task.');
  const head = ['id', 'status', 'priority', 'length', 'seed', 'created', 'prompt'];
  context.printTable([head, ...tasks.map(toRow)]);
}

function toRow(task: Task): string[] {
  const { id, priority, request, created_at: created } = task;
  return [
    id,
    describeStatus(task),
    priority,
    `${request.duration} s`,
    String(request.seed),
    formatAge(created),
    plainLine(request.prompt),
  ];
}

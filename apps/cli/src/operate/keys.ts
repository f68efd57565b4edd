import type { NewApiKey } from '@musicgen/client';
import { type Scope, ServiceError, scopes } from '@musicgen/contract';
import { Command, Option } from 'commander';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { formatAge } from '../format.ts';
import { jsonOption, toCount, yesOption } from '../options.ts';

/** `musicgen keys …` */
export function keysCommand(context: Context): Command {
  return new Command('keys')
    .description('Make, list and revoke API keys.')
    .addHelpText(
      'after',
      '\nExamples:\n  musicgen keys create studio\n  musicgen keys ls\n  musicgen keys revoke 0f3c9a\n\nKeys of the environment (API_KEYS) are not listed here; `npm run key` makes those.',
    )
    .addCommand(createCommand(context))
    .addCommand(listCommand(context))
    .addCommand(revokeCommand(context));
}

interface CreateOptions {
  scope: Scope[];
  requestsPerMinute?: number;
  concurrentTasks?: number;
  secondsPerDay?: number;
  expires?: string;
  json?: boolean;
}

function createCommand(context: Context): Command {
  return new Command('create')
    .description('Make an API key and print it, this once.')
    .argument('<name>', 'who it is for; keys of one name share their tasks and limits')
    .addOption(
      new Option('--scope <scopes...>', 'what it may be used for')
        .choices(scopes)
        .default(['generate'] satisfies Scope[]),
    )
    .option('--requests-per-minute <number>', 'instead of the usual limit', toCount)
    .option('--concurrent-tasks <number>', 'unfinished at once, instead of the usual limit', toCount)
    .option('--seconds-per-day <number>', 'of music, instead of the usual limit', toCount)
    .option('--expires <date>', 'ends by itself: 2027-01-31 or a full timestamp')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  musicgen keys create studio\n  musicgen keys create ops --scope monitor admin --expires 2027-01-31',
    )
    .action((name: string, options: CreateOptions) => create(context, name, options));
}

async function create(context: Context, name: string, options: CreateOptions): Promise<void> {
  const wanted: NewApiKey = {
    name,
    scopes: options.scope,
    limits: {
      requests_per_minute: options.requestsPerMinute,
      concurrent_tasks: options.concurrentTasks,
      seconds_per_day: options.secondsPerDay,
    },
    expires_at: options.expires === undefined ? undefined : timestampOf(options.expires),
  };
  const created = await context.client().createKey(wanted, { signal: context.signal });
  if (options.json) return context.printJson(created);
  context.tell(`Key ${created.id} for ${created.name}: ${created.scopes.join(', ')}. It is shown only now.`);
  context.print(created.key);
}

function timestampOf(date: string): string {
  const time = Date.parse(date);
  if (Number.isNaN(time)) throw new ServiceError('invalid_request', `--expires: "${date}" is no date.`);
  return new Date(time).toISOString();
}

function listCommand(context: Context): Command {
  return new Command('ls')
    .alias('list')
    .description('API keys that were made here, without the keys themselves.')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  musicgen keys ls')
    .action(async ({ json = false }: { json?: boolean }) => {
      const keys = await context.client().listKeys({ signal: context.signal });
      if (json) return context.printJson(keys);
      if (keys.length === 0) return context.tell('No key has been made here.');
      const rows = keys.map((key) => [
        key.id,
        key.name,
        key.scopes.join(','),
        key.status,
        formatAge(key.created_at),
        key.expires_at ?? 'never',
      ]);
      context.printTable([['id', 'name', 'scopes', 'status', 'created', 'expires'], ...rows]);
    });
}

function revokeCommand(context: Context): Command {
  return new Command('revoke')
    .description('End an API key for good.')
    .argument('<id>', 'as `musicgen keys ls` shows it; not the key itself')
    .addOption(yesOption())
    .addHelpText('after', '\nExamples:\n  musicgen keys revoke 0f3c9a\n  musicgen keys revoke 0f3c9a --yes')
    .action(async (id: string, { yes = false }: { yes?: boolean }) => {
      if (!yes && !(await confirm(context, `Revoke key ${id} for good?`))) return;
      const { name, status } = await context.client().revokeKey(id, { signal: context.signal });
      context.print(`${id}  ${name}  ${status}`);
    });
}

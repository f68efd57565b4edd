import { ServiceError } from '@musicgen/contract';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Context } from '../context.ts';
import { jsonOption } from '../options.ts';
import { placeHelp } from './place.ts';
import { runRollBack } from './roll-back.ts';
import { runMigration } from './run-migration.ts';

export interface MigrateOptions {
  source: string;
  target: string;
  sourcePrefix?: string;
  targetPrefix?: string;
  batchSize: number;
  dryRun?: boolean;
  verify?: boolean;
  cleanupSource?: boolean;
  rollBack?: boolean;
  yes?: boolean;
  json?: boolean;
}

const examples = `
Nothing in the source is changed until --cleanup-source removes what was verified. Broken off anywhere, the same command
goes on where it was. docs/migrating.md goes through it step by step.

Exit codes here: 0 every task is in the target · 1 some were skipped or are not as they should be: the report names them ·
2 wrong arguments, or nothing to migrate in place · 3 user, password or key refused · 5 or 7 source or target away: run it again ·
78 a server that cannot be used: too old, or with tasks of another layout · 130 interrupted: run it again

Examples:
  npm run migrate -- --source redis://localhost:6379 --target redis-advanced://localhost:6379/1 --dry-run
  npm run migrate -- --source redis-advanced://old:6379 --target redis-advanced://new:6379 --verify --cleanup-source`;

/** `musicgen migrate` */
export function migrateCommand(context: Context): Command {
  return new Command('migrate')
    .description('Move tasks here from an older service, another kind of storage or another place.')
    .addOption(
      new Option('--source <place>', 'where the tasks are').env('MIGRATE_SOURCE').makeOptionMandatory(),
    )
    .addOption(new Option('--target <place>', 'where they go').env('MIGRATE_TARGET').makeOptionMandatory())
    .option('--source-prefix <prefix>', 'before the keys of the source (default: musicgen)')
    .option(
      '--target-prefix <prefix>',
      'before the keys of the target (default: TASK_KEY_PREFIX, else musicgen)',
    )
    .addOption(
      new Option('--batch-size <tasks>', 'tasks in memory at a time, 1 to 1000')
        .default(100)
        .argParser(parseBatchSize),
    )
    .option('--dry-run', 'write nothing; only say what would happen')
    .option('--verify', 'compare every task with its copy afterwards')
    .option(
      '--cleanup-source',
      'verify, then remove from the source what was verified; nothing if anything failed',
    )
    .option('--roll-back', 'undo a migration in place that was not cleaned up; newer tasks are lost')
    .option('-y, --yes', 'with --roll-back: do not ask')
    .addOption(jsonOption())
    .addHelpText('after', placeHelp)
    .addHelpText('after', examples)
    .action((options: MigrateOptions) => {
      checkTogether(options);
      return options.rollBack ? runRollBack(context, options) : runMigration(context, options);
    });
}

/** @throws ServiceError `invalid_request` for options that contradict each other. */
function checkTogether({ source, target, dryRun, cleanupSource, rollBack }: MigrateOptions): void {
  if (dryRun && cleanupSource) {
    throw contradiction('--dry-run writes nothing, so --cleanup-source cannot go with it');
  }
  if (rollBack && (dryRun || cleanupSource)) {
    throw contradiction('--roll-back goes with neither --dry-run nor --cleanup-source');
  }
  if (rollBack && placeName(source) !== placeName(target)) {
    throw contradiction('--roll-back is for a migration in place: --source and --target must be the same');
  }
}

/** Whatever kind of tasks lies there. */
function placeName(place: string): string {
  return place.replace(/^(rediss?)-advanced:/, '$1:');
}

function parseBatchSize(text: string): number {
  const size = Number(text);
  if (Number.isInteger(size) && size >= 1 && size <= 1000) return size;
  throw new InvalidArgumentError('It must be a whole number from 1 to 1000.');
}

function contradiction(message: string): ServiceError {
  return new ServiceError('invalid_request', message);
}

import type { Command } from 'commander';
import type { Context } from './context.ts';
import { doctorCommand } from './doctor/doctor.ts';
import { migrateCommand } from './migrate/migrate.ts';
import { modelsCommand } from './models/models.ts';
import { benchCommand } from './operate/bench.ts';
import { deadLettersCommand } from './operate/dead-letters.ts';
import { keysCommand } from './operate/keys.ts';
import { queueCommand } from './operate/queue.ts';
import { topCommand } from './operate/top.ts';
import { workersCommand } from './operate/workers.ts';
import { cancelCommand } from './tasks/cancel.ts';
import { downloadCommand } from './tasks/download.ts';
import { generateCommand } from './tasks/generate.ts';
import { inspectCommand } from './tasks/inspect.ts';
import { listCommand } from './tasks/list.ts';
import { removeCommand } from './tasks/remove.ts';
import { reproduceCommand } from './tasks/reproduce.ts';
import { retryCommand } from './tasks/retry.ts';
import { statusCommand } from './tasks/status.ts';
import { watchCommand } from './tasks/watch.ts';

/** Makes a command; its options and arguments are commander's, everything else comes from the context. */
export type CreateCommand = (context: Context) => Command;

/** Every subcommand, as `--help` lists them. A new one is a file of its own and a line here. */
export const subcommands: readonly CreateCommand[] = [
  generateCommand,
  statusCommand,
  watchCommand,
  listCommand,
  downloadCommand,
  cancelCommand,
  retryCommand,
  removeCommand,
  inspectCommand,
  reproduceCommand,
  topCommand,
  queueCommand,
  workersCommand,
  deadLettersCommand,
  keysCommand,
  benchCommand,
  modelsCommand,
  migrateCommand,
  doctorCommand,
];

import type { Command } from 'commander';
import type { Context } from './context.ts';
import { doctorCommand } from './doctor/doctor.ts';
import { migrateCommand } from './migrate/migrate.ts';
import { modelsCommand } from './models/models.ts';

/** Makes a command; its options and arguments are commander's, everything else comes from the context. */
export type CreateCommand = (context: Context) => Command;

/** Every subcommand, as `--help` lists them. A new one is a file of its own and a line here. */
export const subcommands: readonly CreateCommand[] = [modelsCommand, migrateCommand, doctorCommand];

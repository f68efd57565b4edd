import type { Command } from 'commander';
import type { Context } from './context.ts';

/** Makes a command; its options and arguments are commander's, everything else comes from the context. */
export type CreateCommand = (context: Context) => Command;

/** Every subcommand by its name, as `--help` lists them. A new one is a file of its own and a line here. */
const subcommands: Record<string, () => Promise<CreateCommand>> = {
  generate: async () => (await import('./tasks/generate.ts')).generateCommand,
  status: async () => (await import('./tasks/status.ts')).statusCommand,
  watch: async () => (await import('./tasks/watch.ts')).watchCommand,
  ls: async () => (await import('./tasks/list.ts')).listCommand,
  download: async () => (await import('./tasks/download.ts')).downloadCommand,
  cancel: async () => (await import('./tasks/cancel.ts')).cancelCommand,
  retry: async () => (await import('./tasks/retry.ts')).retryCommand,
  rm: async () => (await import('./tasks/remove.ts')).removeCommand,
  inspect: async () => (await import('./tasks/inspect.ts')).inspectCommand,
  reproduce: async () => (await import('./tasks/reproduce.ts')).reproduceCommand,
  top: async () => (await import('./operate/top.ts')).topCommand,
  queue: async () => (await import('./operate/queue.ts')).queueCommand,
  workers: async () => (await import('./operate/workers.ts')).workersCommand,
  dlq: async () => (await import('./operate/dead-letters.ts')).deadLettersCommand,
  keys: async () => (await import('./operate/keys.ts')).keysCommand,
  bench: async () => (await import('./operate/bench.ts')).benchCommand,
  models: async () => (await import('./models/models.ts')).modelsCommand,
  migrate: async () => (await import('./migrate/migrate.ts')).migrateCommand,
  doctor: async () => (await import('./doctor/doctor.ts')).doctorCommand,
};

/** The one that is called; all where the arguments begin otherwise, and for `--help`. Loading them all takes a while. */
export function loadSubcommands(args: readonly string[]): Promise<CreateCommand[]> {
  const [name = ''] = args[0] === 'help' ? args.slice(1) : args;
  const called = Object.hasOwn(subcommands, name) ? [subcommands[name]] : Object.values(subcommands);
  return Promise.all(called.flatMap((load) => load?.() ?? []));
}

import { readVersion } from '@musicgen/service/version';
import { Command } from 'commander';
import type { Context, ServerOptions } from './context.ts';
import { exitCodeHelp } from './exit-codes.ts';
import { toWhole } from './options.ts';
import type { CreateCommand } from './subcommands.ts';

/** The command line with these subcommands; what it throws instead of exiting is for `runMusicgen`. */
export function createProgram(context: Context, subcommands: readonly CreateCommand[]): Command {
  const program = new Command('musicgen')
    .description('Text to music on your own machines.')
    .version(readVersion(new URL('../package.json', import.meta.url)))
    .option('--url <url>', 'where the service is; MUSICGEN_URL, else http://127.0.0.1:8000')
    .option('--api-key <key>', 'API key; better in MUSICGEN_API_KEY, which ps does not show')
    .option('--retries <number>', 'how often to try again what is refused for now', toWhole, 3)
    .addHelpText('after', exitCodeHelp)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  program.hook('preAction', () => context.useServer(program.opts<ServerOptions>()));
  for (const create of subcommands) program.addCommand(create(context));
  inheritSettings(program);
  return program;
}

/** Commander hands settings down only to commands that it makes itself. */
function inheritSettings(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent).configureHelp(parent.configureHelp());
    inheritSettings(command);
  }
}

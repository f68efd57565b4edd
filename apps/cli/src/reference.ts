import type { Command } from 'commander';
import { createContext } from './context.ts';
import { createProgram } from './program.ts';
import { loadSubcommands } from './subcommands.ts';

const width = 100;

/** The `--help` of every command, as sections of a Markdown page. */
export async function renderReference(): Promise<string> {
  const context = createContext({ signal: new AbortController().signal, cwd: '.' });
  const program = createProgram(context, await loadSubcommands([]));
  return endsOf(program)
    .map(({ path, command }) => `\n## \`${path}\`\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`)
    .join('');
}

interface NamedCommand {
  path: string;
  command: Command;
}

/** Every command that does something; groups only name theirs. */
export function endsOf(command: Command, path = command.name()): NamedCommand[] {
  const below = command.commands.flatMap((inner) => endsOf(inner, `${path} ${inner.name()}`));
  return below.length === 0 ? [{ path, command }] : below;
}

/** As a terminal of a fixed width shows it, without what all commands have in common. */
export function helpOf(command: Command): string {
  let text = '';
  const writeOut = (part: string) => {
    text += part;
  };
  command.configureOutput({ writeOut, getOutHelpWidth: () => width });
  command.configureHelp({ ...command.configureHelp(), showGlobalOptions: false }).outputHelp();
  return text.trim();
}

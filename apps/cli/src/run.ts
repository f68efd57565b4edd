import { CommanderError } from 'commander';
import { createContext } from './context.ts';
import { describeError } from './describe-error.ts';
import { exitCodeOf } from './exit-codes.ts';
import { interruptOnSignals } from './interruption.ts';
import { createProgram } from './program.ts';
import { loadSubcommands } from './subcommands.ts';

/**
 * Runs the `musicgen` command.
 * @param args what follows `musicgen`
 * @param cwd where paths given as arguments start; those in the environment start at the working directory
 * @returns the exit code
 */
export async function runMusicgen(args: string[], { cwd = process.cwd() } = {}): Promise<number> {
  const interruption = interruptOnSignals();
  endQuietlyWithoutReader(process.stdout);
  const context = createContext({ signal: interruption.signal, cwd });
  try {
    const program = createProgram(context, await loadSubcommands(args));
    await program.parseAsync(args, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    // Commander has written its own message.
    if (!(error instanceof CommanderError)) for (const line of describeError(error)) context.tell(line);
    return exitCodeOf(error);
  } finally {
    interruption.stop();
  }
}

/** `musicgen models list | head -1`: a pipe that is closed is no error. */
function endQuietlyWithoutReader(stdout: NodeJS.WriteStream): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
}

import { ServiceError, toServiceError } from '@musicgen/contract';
import { ConfigError } from '@musicgen/service';
import { Command, CommanderError } from 'commander';
import { type Context, createContext } from './context.ts';
import { exitCodeHelp, exitCodeOf } from './exit-codes.ts';
import { modelsCommand } from './models/models.ts';

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
    await createProgram(context).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    tellError(context, error);
    return exitCodeOf(error);
  } finally {
    interruption.stop();
  }
}

function createProgram(context: Context): Command {
  return new Command('musicgen')
    .description('Text to music on your own machines.')
    .addHelpText('after', exitCodeHelp)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .addCommand(modelsCommand(context));
}

/** The first signal lets the command clean up after itself; the second does not wait for that. */
function interruptOnSignals() {
  const interruption = new AbortController();
  const interrupt = () => {
    if (interruption.signal.aborted) process.exit(130);
    interruption.abort(new ServiceError('task_cancelled', 'Interrupted'));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  return {
    signal: interruption.signal,
    stop: () => {
      for (const signal of signals) process.off(signal, interrupt);
    },
  };
}

/** `musicgen models list | head -1`: a pipe that is closed is no error. */
function endQuietlyWithoutReader(stdout: NodeJS.WriteStream): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
}

function tellError(context: Context, error: unknown): void {
  // Commander has written its own message.
  if (error instanceof CommanderError) return;
  const { code, message } = toServiceError(error);
  const reason = error instanceof ConfigError ? '' : ` (${code})`;
  context.tell(`musicgen: ${message}${reason}`);
}

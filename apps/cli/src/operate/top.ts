import { Command } from 'commander';
import type { Context } from '../context.ts';
import { toNumber } from '../options.ts';
import { openFullScreen } from './full-screen.ts';
import { renderTop, type TopFigures } from './top-screen.ts';

const examples = `
Examples:
  musicgen top
  musicgen top --interval 5
  musicgen top | grep paused

q or Ctrl-C leaves. In a pipe it prints once.`;

/** `musicgen top` */
export function topCommand(context: Context): Command {
  return new Command('top')
    .description('Queues, workers and rates on one screen that keeps up.')
    .option('--interval <seconds>', 'between two looks', toNumber, 2)
    .addHelpText('after', examples)
    .action(({ interval }: { interval: number }) => top(context, Math.max(0.2, interval) * 1000));
}

async function top(context: Context, intervalMs: number): Promise<void> {
  const look = looker(context);
  if (!process.stdout.isTTY || !process.stdin.isTTY) {
    context.print(renderTop(await look(context.signal)).join('\n'));
    return;
  }
  // A service that cannot be reached at all is told on the screen where the command was given.
  const first = renderTop(await look(context.signal));
  const screen = openFullScreen(context.signal);
  try {
    for (let lines = first; !screen.left.aborted; lines = await nextLines(look, screen.left, lines)) {
      screen.show(lines);
      await screen.pause(intervalMs);
    }
  } finally {
    screen.close();
  }
}

type Look = (signal: AbortSignal) => Promise<TopFigures>;

function looker(context: Context): Look {
  const client = context.client();
  return async (signal) => {
    const [health, queue, workers, performance] = await Promise.all([
      client.getTaskHealth({ signal }),
      client.getQueueState({ signal }),
      client.getWorkers({ signal }),
      client.getTaskPerformance({ timeWindowSeconds: 300, signal }),
    ]);
    return { health, queue, workers, performance, at: new Date() };
  };
}

/** While the service is away the last figures stay, with the reason above them. */
async function nextLines(look: Look, signal: AbortSignal, last: readonly string[]): Promise<string[]> {
  try {
    return renderTop(await look(signal));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [`! ${reason}`, ...last.filter((line) => !line.startsWith('! '))];
  }
}

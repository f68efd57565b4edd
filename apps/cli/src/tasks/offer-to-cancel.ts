import { createInterface } from 'node:readline/promises';
import type { Client, Task } from '@musicgen/client';
import type { Context } from '../context.ts';
import { Interruption } from '../interruption.ts';

/** After Ctrl-C: the tasks go on without us unless they are to be cancelled. A second Ctrl-C leaves them. */
export async function offerToCancel(
  context: Context,
  client: Client,
  tasks: readonly Pick<Task, 'id'>[],
): Promise<void> {
  if (tasks.length === 0) return;
  const ids = tasks.map(({ id }) => id);
  const what = tasks.length === 1 ? 'The task goes on' : `${tasks.length} tasks go on`;
  if (mayAsk(context) && (await isYes(context, `${what} without you. Cancel it? [y/N] `))) {
    const cancelled = await Promise.allSettled(ids.map((id) => client.cancelTask(id)));
    const failed = cancelled.filter(({ status }) => status === 'rejected').length;
    context.tell(failed === 0 ? 'Cancelled.' : `${failed} of ${ids.length} could not be cancelled.`);
    return;
  }
  const shown = ids.length > 3 ? `${ids.slice(0, 3).join(' ')} …` : ids.join(' ');
  context.tell(`${what}: musicgen watch ${shown}, or musicgen cancel ${shown}`);
}

/** Whoever closed the terminal or ended the process wants no conversation. */
function mayAsk({ signal, terminal }: Context): boolean {
  const isCtrlC = signal.reason instanceof Interruption && signal.reason.by === 'SIGINT';
  return isCtrlC && process.stdin.isTTY === true && terminal.isTTY;
}

async function isYes({ terminal }: Context, question: string): Promise<boolean> {
  // The terminal stays as it is, so that a second Ctrl-C is a signal and not a character.
  const reader = createInterface({ input: process.stdin, output: terminal, terminal: false });
  try {
    return /^y(es)?$/i.test((await reader.question(question)).trim());
  } finally {
    reader.close();
  }
}

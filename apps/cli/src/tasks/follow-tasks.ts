import type { Client, Task } from '@musicgen/client';
import { isTerminal } from '@musicgen/contract';
import type { Context } from '../context.ts';
import { createTaskBoard } from '../task-board.ts';
import { offerToCancel } from './offer-to-cancel.ts';

/** Connections that are kept open at once; the tasks behind them are followed as those before them end. */
const followedAtOnce = 8;
/** The service tells what happens to a task, not what happens to those before it. */
const placeRefreshMs = 2_000;

export interface FollowTasksOptions {
  client: Client;
  /** Is called with each task as it ends, and waited for. */
  onEnd: (task: Task, index: number) => Promise<void>;
}

/**
 * Follows tasks to their ends, however those are, with a live bar for each. Ctrl-C offers to cancel what has not ended.
 * @throws Interruption
 */
export async function followTasks(
  context: Context,
  tasks: readonly Task[],
  { client, onEnd }: FollowTasksOptions,
): Promise<Task[]> {
  const labels = tasks.map((_, index) => (tasks.length === 1 ? '' : `${index + 1}`));
  const board = createTaskBoard(labels, context.terminal);
  const known = [...tasks];
  /** One that cannot be saved ends the following of all. */
  const end = new AbortController();
  const signal = AbortSignal.any([context.signal, end.signal]);
  const followOne = async (task: Task, index: number) => {
    const onChange = (changed: Task) => {
      known[index] = changed;
      board.update(labels[index] ?? '', changed);
    };
    onChange(task);
    const ended = await followTask(task, { client, signal, onChange });
    onChange(ended);
    await onEnd(ended, index);
  };
  try {
    await inOrder(tasks, followOne);
    board.close();
    return known;
  } catch (error) {
    end.abort();
    board.close();
    const open = known.filter(({ status }) => !isTerminal(status));
    if (context.signal.aborted) await offerToCancel(context, client, open);
    throw error;
  }
}

interface FollowOneOptions {
  client: Client;
  signal: AbortSignal;
  onChange: (task: Task) => void;
}

async function followTask(task: Task, { client, signal, onChange }: FollowOneOptions): Promise<Task> {
  let known = task;
  const timer = setInterval(() => {
    if (known.status !== 'pending') return;
    // What cannot be read now is not needed: the events go on.
    client.getTask(known.id, { signal }).then(change, () => {});
  }, placeRefreshMs);
  const change = (changed: Task) => {
    // An answer may come after the event that outdated it.
    if (changed.status === 'pending' && known.status !== 'pending' && changed.attempt < known.attempt) return;
    known = changed;
    onChange(changed);
  };
  try {
    return await client.waitForTask(task.id, { signal, onUpdate: (update) => change(update.task) });
  } finally {
    clearInterval(timer);
  }
}

/** Works on some at a time, and begins with the first. */
async function inOrder<Item>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  const entries = items.entries();
  const lane = async () => {
    for (const [index, item] of entries) await work(item, index);
  };
  await Promise.all(Array.from({ length: followedAtOnce }, lane));
}

import type { RecovererOptions } from '../maintenance.ts';
import type { HeldTask, InProcessContext } from './context.ts';
import type { KeptTask } from './kept-task.ts';
import type { Moves } from './moves.ts';
import type { KeptQueue } from './task-store.ts';

/**
 * Goes on where an earlier process has ended: what waits keeps its place, what was worked on was lost with its worker,
 * and what is finished stays until its time is over.
 */
export function restore(
  context: InProcessContext,
  moves: Moves,
  { tasks, erased, paused }: KeptQueue,
  { maxStalls }: Pick<RecovererOptions, 'maxStalls'>,
): void {
  const inOrder = tasks.toSorted((a, b) => a.task.createdAt - b.task.createdAt);
  for (const kept of inOrder) {
    const held: HeldTask = { ...kept };
    context.tasks.set(held.task.id, held);
    moves.goOnAfter(held.queuedAt ?? 0);
    context.outbox.restore(held);
    recount(context, kept);
  }
  for (const { id, artifactsDueAt } of erased) context.erased.set(id, artifactsDueAt);
  for (const priority of paused) context.paused.add(priority);
  for (const held of context.tasks.values()) {
    if (held.task.status !== 'processing') continue;
    const outcome = moves.takeBack(held, maxStalls);
    const { id: taskId, priority } = held.task;
    context.events.emit('lease:lapsed', { taskId, priority, outcome });
  }
}

/** Counts again what still can be seen of the past, so that the statistics go on too. */
function recount({ tallies }: InProcessContext, { task }: KeptTask): void {
  const { status, priority, createdAt, startedAt, finishedAt } = task;
  tallies.add(createdAt, `created:${priority}`);
  if (startedAt !== undefined) {
    tallies.addDuration(startedAt, `claimed:${priority}`, startedAt - createdAt);
  }
  if (finishedAt === undefined) return;
  if (status !== 'completed') {
    tallies.add(finishedAt, `${status}:${priority}`);
    return;
  }
  const tookMs = finishedAt - (startedAt ?? finishedAt);
  tallies.addDuration(finishedAt, `completed:${priority}`, tookMs);
  tallies.add(finishedAt, 'completed_ms', tookMs);
  if (task.cost !== undefined) tallies.add(finishedAt, 'completed_cost', task.cost);
}

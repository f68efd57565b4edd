import { priorityNames, ServiceError } from '@musicgen/contract';
import { deadCursor, parseDeadCursor, type QueueAdmin } from '../queue-admin.ts';
import { change, type HeldTask, type InProcessContext, waitingIn } from './context.ts';
import type { Moves } from './moves.ts';

export function createAdmin(context: InProcessContext, moves: Moves): QueueAdmin {
  const { tasks, paused, now, log, journal, store } = context;

  /** The latest first; of one moment, the later id first. */
  function deadLetters(): HeldTask[] {
    return [...tasks.values()]
      .filter(({ deadSince }) => deadSince !== undefined)
      .sort((a, b) => (b.deadSince ?? 0) - (a.deadSince ?? 0) || (a.task.id < b.task.id ? 1 : -1));
  }

  function revive(held: HeldTask): void {
    const { expiresAt, createdAt } = held.task;
    held.deadSince = undefined;
    held.token = undefined;
    change(held, {
      status: 'pending',
      attempt: 0,
      stalls: 0,
      updatedAt: now(),
      expiresAt: now() + Math.max(0, expiresAt - createdAt),
      error: undefined,
      finishedAt: undefined,
      startedAt: undefined,
      worker: undefined,
      expectedMs: undefined,
    });
    moves.joinQueue(held);
    log.append(held.task, 'requeued');
    moves.count(held, 'requeued');
  }

  const isDead = (held: HeldTask | undefined): held is HeldTask =>
    held?.task.status === 'failed' && held.deadSince !== undefined;

  return {
    async pause(priority) {
      paused.add(priority);
      await store.writePaused([...paused]);
    },
    async resume(priority) {
      paused.delete(priority);
      for (const held of waitingIn(context, priority)) moves.announce(held);
      await store.writePaused([...paused]);
    },
    paused: async () => priorityNames.filter((priority) => paused.has(priority)),

    async deadLetters({ limit, cursor }) {
      const after = cursor === undefined ? undefined : parseDeadCursor(cursor);
      const found = deadLetters().filter(({ deadSince = 0, task: { id } }) => {
        if (after === undefined) return true;
        return deadSince < Number(after.at) || (deadSince === Number(after.at) && id < after.id);
      });
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return {
        tasks: page.map(({ task }) => task),
        ...(last &&
          page.length === limit && { next: deadCursor({ at: String(last.deadSince), id: last.task.id }) }),
      };
    },

    // By the time of submission, which no task changes; so a cursor outlives the process. Equal times come together.
    async everyTask({ limit, cursor = '0' }) {
      if (!/^\d{1,20}$/.test(cursor)) throw new RangeError(`"${cursor}" is no cursor`);
      const rest = [...tasks.values()]
        .map(({ task }) => task)
        .filter(({ createdAt }) => createdAt > Number(cursor))
        .sort((a, b) => a.createdAt - b.createdAt);
      const last = rest[limit - 1];
      const page = last === undefined ? rest : rest.filter(({ createdAt }) => createdAt <= last.createdAt);
      return page.length === rest.length ? { tasks: page } : { tasks: page, next: String(last?.createdAt) };
    },

    async requeue(id) {
      const held = tasks.get(id);
      if (!isDead(held)) return false;
      revive(held);
      await journal.written();
      return true;
    },
    async drop(id) {
      const held = tasks.get(id);
      if (!isDead(held)) return false;
      held.deadSince = undefined;
      journal.mark(id);
      await journal.written();
      return true;
    },
    async drainWorker() {
      throw new ServiceError(
        'needs_fleet',
        'The only worker is a part of this process and ends with it: stop the process, which finishes what fits.',
      );
    },
  };
}

import type { TaskStatus } from '@musicgen/contract';
import { compareIds } from '../lifecycle.ts';
import type { OutboxEntry, OutboxReader, OutboxReaderOptions } from '../outbox.ts';
import { createBell } from './bell.ts';
import { createIds } from './ids.ts';
import type { KeptTask } from './kept-task.ts';

/** What someone outside is to hear of, until that is acknowledged. */
export interface OutboxLog {
  /** A turn of a task; nothing where nobody is to hear of it. */
  tell(kept: KeptTask, status: TaskStatus): void;
  /** Takes up what an earlier process has left untold. */
  restore(kept: KeptTask): void;
  /** Drops what happened before a time: by then it is news to no one. */
  forgetBefore(at: number): void;
  createReader(options: OutboxReaderOptions): OutboxReader;
}

interface Lent extends OutboxEntry {
  /** When a reader got it last; absent before the first. */
  readAt?: number;
}

export interface OutboxLogOptions {
  now: () => number;
  /** A turn of this task is told. */
  onTold: (taskId: string, entryId: string) => void;
}

export function createOutboxLog({ now, onTold }: OutboxLogOptions): OutboxLog {
  const ids = createIds(now);
  const entries = new Map<string, Lent>();
  const arrivals = createBell<'arrived'>();

  function take(limit: number, takeOverMs: number): OutboxEntry[] {
    const all = [...entries.values()];
    const left = all.filter(({ readAt }) => readAt !== undefined && readAt <= now() - takeOverMs);
    const fresh = all.filter(({ readAt }) => readAt === undefined);
    const taken = (left.length > 0 ? left : fresh).slice(0, limit);
    for (const entry of taken) entry.readAt = now();
    return taken.map(({ readAt: _readAt, ...entry }) => entry);
  }

  return {
    tell(kept, status) {
      const { notify, task } = kept;
      if (notify === undefined) return;
      const turn = { id: ids.next(), status, at: now() };
      kept.untold = [...(kept.untold ?? []), turn];
      entries.set(turn.id, { ...turn, taskId: task.id, notify });
      arrivals.ring('arrived');
    },

    restore({ task, notify = '', untold = [] }) {
      for (const turn of untold) {
        entries.set(turn.id, { ...turn, taskId: task.id, notify });
        ids.goOnAfter(turn.id);
      }
      const inOrder = [...entries].sort(([a], [b]) => compareIds(a, b));
      entries.clear();
      for (const [id, entry] of inOrder) entries.set(id, entry);
    },

    forgetBefore(at) {
      for (const [id, entry] of entries) if (entry.at < at) entries.delete(id);
    },

    createReader: ({ takeOverMs }) => ({
      async read(limit, { waitMs, signal } = { waitMs: 0 }) {
        const found = take(limit, takeOverMs);
        if (found.length > 0 || waitMs < 1 || signal?.aborted) return found;
        await arrivals.wait(['arrived'], waitMs, signal);
        // What was on its way stays unread and comes again.
        return signal?.aborted ? [] : take(limit, takeOverMs);
      },
      async acknowledge(acknowledged) {
        for (const id of acknowledged) {
          const entry = entries.get(id);
          if (entry !== undefined) onTold(entry.taskId, id);
          entries.delete(id);
        }
      },
      close: async () => {},
    }),
  };
}

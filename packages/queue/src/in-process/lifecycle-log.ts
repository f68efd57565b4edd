import {
  compareIds,
  type LifecycleEvent,
  type LifecycleEventType,
  type LifecycleReader,
  statusAfter,
} from '../lifecycle.ts';
import type { TaskRecord } from '../task-record.ts';
import { createIds } from './ids.ts';

type Changed = Partial<Pick<TaskRecord, 'stage' | 'progress' | 'error' | 'retryAt'>>;
type Listener = (event: LifecycleEvent) => void;

/** The latest events of all tasks, and whoever follows one of them. */
export interface LifecycleLog {
  append(task: TaskRecord, type: LifecycleEventType, changed?: Changed): void;
  bounds(): { length: number; firstId?: string; lastId?: string };
  createReader(): LifecycleReader;
}

export function createLifecycleLog({ length, now }: { length: number; now: () => number }): LifecycleLog {
  const ids = createIds(now);
  const listeners = new Map<string, Set<Listener>>();
  let events: LifecycleEvent[] = [];

  /** Whether nothing after the id was dropped, and this log may have given it: one of an earlier process is unknown. */
  function holds(id: string): boolean {
    if (id === '0-0') return true;
    const [first, last] = [events[0], events.at(-1)];
    if (first === undefined || last === undefined) return false;
    return compareIds(first.id, id) <= 0 && compareIds(id, last.id) <= 0;
  }

  return {
    append({ id: taskId, priority, attempt }, type, changed = {}) {
      const task = { status: statusAfter[type], priority, attempt, ...changed };
      const event: LifecycleEvent = { id: ids.next(), taskId, type, task };
      events.push(event);
      // In pieces: dropping one from the front of a long array moves all the others.
      if (events.length > length * 1.1) events = events.slice(-length);
      // Later, so that nothing a listener does can come between two parts of one transition.
      for (const listener of listeners.get(taskId) ?? []) queueMicrotask(() => listener(event));
    },

    bounds() {
      const [first, last] = [events[0], events.at(-1)];
      return {
        length: events.length,
        ...(first && { firstId: first.id }),
        ...(last && { lastId: last.id }),
      };
    },

    createReader: () => ({
      follow(taskId, listener) {
        // Of this caller alone, even where two give the same function.
        let follows = true;
        const own: Listener = (event) => follows && listener(event);
        const following = listeners.get(taskId) ?? new Set();
        listeners.set(taskId, following.add(own));
        return () => {
          follows = false;
          following.delete(own);
          if (following.size === 0 && listeners.get(taskId) === following) listeners.delete(taskId);
        };
      },
      latestId: async () => events.at(-1)?.id ?? '0-0',
      async since(taskId, id) {
        if (!holds(id)) return undefined;
        return events.filter((event) => event.taskId === taskId && compareIds(event.id, id) > 0);
      },
      close: async () => {},
    }),
  };
}

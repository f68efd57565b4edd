import type { TaskChange, TaskStore } from './task-store.ts';

/** Brings changes of tasks to the store, many in one write when they come faster than it takes them. */
export interface Journal {
  /** The task has changed. */
  mark(id: string): void;
  /** Resolves once every change up to now is stored; what could not be is tried again with the next call. */
  written(): Promise<void>;
}

interface Waiting {
  resolve: () => void;
  reject: (error: unknown) => void;
}

export function createJournal(
  store: Pick<TaskStore, 'write'>,
  changeOf: (id: string) => TaskChange,
): Journal {
  const changed = new Set<string>();
  let waiting: Waiting[] = [];
  let isWriting = false;

  async function writeOnce(): Promise<void> {
    const [ids, told] = [[...changed], waiting];
    changed.clear();
    waiting = [];
    try {
      if (ids.length > 0) await store.write(ids.map(changeOf));
      for (const { resolve } of told) resolve();
    } catch (error) {
      for (const id of ids) changed.add(id);
      for (const { reject } of told) reject(error);
    }
  }

  async function writeAll(): Promise<void> {
    if (isWriting) return;
    isWriting = true;
    while (waiting.length > 0) await writeOnce();
    isWriting = false;
  }

  return {
    mark: (id) => void changed.add(id),
    written() {
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        void writeAll();
      });
    },
  };
}

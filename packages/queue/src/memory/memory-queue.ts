import { createInProcessQueue, type InProcessOptions } from '../in-process/in-process-queue.ts';
import type { TaskStore } from '../in-process/task-store.ts';
import type { TaskQueue } from '../queue-kind.ts';

/** What there is room for: of the tasks that are finished, the latest. */
export const mostFinishedInMemory = 1_000;

/** Tasks in the memory of one process, and nowhere else: nothing survives it. For trying things out. */
export function createMemoryQueue(options: InProcessOptions = {}): TaskQueue {
  return createInProcessQueue('memory', nowhere, { keptFinished: mostFinishedInMemory, ...options }).queue;
}

/** Keeps nothing. */
export const nowhere: TaskStore = {
  open: async () => ({ tasks: [], erased: [], paused: [] }),
  write: async () => {},
  writePaused: async () => {},
  wasRemoved: async () => false,
  server: async () => undefined,
};

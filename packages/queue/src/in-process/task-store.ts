import type { Priority } from '@musicgen/contract';
import type { ServerFacts } from '../queue-monitor.ts';
import type { KeptTask } from './kept-task.ts';

/** How one task stands now; what is absent is to be kept no longer. */
export interface TaskChange {
  id: string;
  kept?: KeptTask;
  /** Of a task that was erased: when its artifacts are to be removed, in Unix milliseconds. */
  artifactsDueAt?: number;
}

/** Everything that a process finds when it starts. */
export interface KeptQueue {
  tasks: KeptTask[];
  erased: { id: string; artifactsDueAt: number }[];
  paused: Priority[];
}

/**
 * Where a queue of one process is kept beyond that process. The process's own memory is what it works on; it reads the
 * store once, and from then on only writes. Every call may throw ServiceError `dependency_unavailable`.
 */
export interface TaskStore {
  /**
   * Makes it this process's own and reads it.
   * @throws ServiceError `dependency_unsupported` when another process has it, or what it holds is not ours.
   */
  open(): Promise<KeptQueue>;
  /** In one step or not at all; the same change twice does no harm. */
  write(changes: readonly TaskChange[]): Promise<void>;
  writePaused(paused: readonly Priority[]): Promise<void>;
  /** Whether there was a task of this id in the time of an earlier process, removed within the last day. */
  wasRemoved(id: string): Promise<boolean>;
  /** What the Redis server says about itself, where there is one. */
  server(): Promise<ServerFacts | undefined>;
}

import type { TaskStatus } from '@musicgen/contract';

/** A turn of a task that someone outside is to hear of. */
export interface OutboxEntry {
  /** Of the entry, for `acknowledge`. The same turn always comes under the same id. */
  id: string;
  taskId: string;
  /** `processing` at the first claim, then the terminal status. */
  status: TaskStatus;
  /** When it happened, in Unix milliseconds. */
  at: number;
  /** What the task was submitted with. */
  notify: string;
}

/**
 * One reader of the outbox. A turn is written in the same step as the transition itself and stays until it is
 * acknowledged, so it is read at least once, whoever dies. Several readers share the entries.
 */
export interface OutboxReader {
  /**
   * Up to `limit` entries: first what some reader, this one too, has read and not acknowledged for the time of
   * `takeOverMs`, then new ones. Without any it waits for one for at most `waitMs`; the signal ends that early.
   */
  read(limit: number, wait?: { waitMs: number; signal?: AbortSignal }): Promise<OutboxEntry[]>;
  /** These are done with and come no more. */
  acknowledge(ids: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface OutboxReaderOptions {
  /** Unique for every start of a process: what an earlier one has not acknowledged is taken over, not inherited. */
  consumerName: string;
  /** How long an entry that was read may stay unacknowledged before another reader gets it. */
  takeOverMs: number;
}

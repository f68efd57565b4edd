import { EventEmitter, on } from 'node:events';
import type { LifecycleReader, TaskRecord } from '@musicgen/queue';

export interface WaitOptions {
  lifecycle: LifecycleReader;
  id: string;
  /** Reads the task anew. */
  read: () => Promise<TaskRecord>;
  /** Whether what was read is what the caller waits for. */
  isEnough: (record: TaskRecord) => boolean;
  timeoutMs: number;
  /** The caller went away, or the process closes. */
  signal: AbortSignal;
}

/** The task as soon as it is as the caller wants it, or as it is when the time is up; woken by its events. */
export async function waitForTask(options: WaitOptions): Promise<TaskRecord> {
  const { lifecycle, id, read, isEnough, timeoutMs, signal } = options;
  const emitter = new EventEmitter();
  const end = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  // Listening starts before the task is read, so that nothing falls between the two.
  const events = on(emitter, 'event', { signal: end });
  const unfollow = lifecycle.follow(id, () => emitter.emit('event'));
  try {
    // A reader that has just started follows from here on only: what happened before is in what is read.
    await lifecycle.latestId();
    let record = await read();
    while (!isEnough(record)) {
      await events.next();
      record = await read();
    }
    return record;
  } catch (error) {
    if (!end.aborted) throw error;
    return await read();
  } finally {
    unfollow();
  }
}

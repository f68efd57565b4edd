import { EventEmitter, on } from 'node:events';
import { isTerminal } from '@musicgen/contract';
import type { LifecycleEvent, LifecycleReader } from '@musicgen/queue';

export interface FollowOptions {
  lifecycle: LifecycleReader;
  taskId: string;
  /** Stream id of the last event that is known already. */
  after: string;
  signal: AbortSignal;
}

/**
 * Every event of a task after a given one, first those of the past, then as they happen, each once and in order. Ends
 * with the task, or when the signal aborts.
 */
export async function* followTask({
  lifecycle,
  taskId,
  after,
  signal,
}: FollowOptions): AsyncGenerator<LifecycleEvent> {
  const emitter = new EventEmitter();
  // Listening, and keeping what comes, starts before the past is read, so that nothing falls between the two.
  const live = on(emitter, 'event', { signal });
  const unfollow = lifecycle.follow(taskId, (event) => emitter.emit('event', event));
  let lastId = after;
  try {
    for (const event of await lifecycle.since(taskId, after)) {
      lastId = event.id;
      yield event;
      if (isTerminal(event.task.status)) return;
    }
    for await (const [event] of live as AsyncIterable<[LifecycleEvent]>) {
      if (!isLater(event.id, lastId)) continue;
      lastId = event.id;
      yield event;
      if (isTerminal(event.task.status)) return;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    unfollow();
  }
}

/** Whether one Redis stream id (`milliseconds-sequence`) comes after another. */
function isLater(id: string, other: string): boolean {
  const [ms = 0, sequence = 0] = id.split('-').map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number);
  return ms === otherMs ? sequence > otherSequence : ms > otherMs;
}

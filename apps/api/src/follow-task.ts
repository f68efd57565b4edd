import { EventEmitter, on } from 'node:events';
import { isTerminal } from '@musicgen/contract';
import { compareIds, type LifecycleEvent, type LifecycleReader } from '@musicgen/queue';

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
export async function* followTask(options: FollowOptions): AsyncGenerator<LifecycleEvent> {
  let lastId = options.after;
  for await (const event of pastThenLive(options)) {
    if (compareIds(event.id, lastId) <= 0) continue;
    lastId = event.id;
    yield event;
    if (isTerminal(event.task.status)) return;
  }
}

/** The two may overlap. */
async function* pastThenLive({
  lifecycle,
  taskId,
  after,
  signal,
}: FollowOptions): AsyncGenerator<LifecycleEvent> {
  const emitter = new EventEmitter();
  // Listening, and keeping what comes, starts before the past is read, so that nothing falls between the two.
  const live = on(emitter, 'event', { signal }) as AsyncIterable<[LifecycleEvent]>;
  const unfollow = lifecycle.follow(taskId, (event) => emitter.emit('event', event));
  try {
    yield* (await lifecycle.since(taskId, after)) ?? [];
    for await (const [event] of live) yield event;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    unfollow();
  }
}

import type { SubmissionInput, Task } from '@musicgen/contract';
import { ApiError } from './api-error.ts';
import { delay } from './delay.ts';
import { eventsIn, headersAt, type StreamPlace, startOfStream } from './event-stream.ts';
import { isRepeatable } from './retry.ts';
import { failureOf } from './task-failure.ts';
import { type SubmitOptions, taskCalls, taskPath } from './tasks.ts';
import type { CallOptions, Transport } from './transport.ts';

/** News of a task. */
export interface TaskUpdate {
  /** `done` is the last. */
  type: 'snapshot' | 'progress' | 'status' | 'done';
  /** All that is known of the task now. */
  task: Task;
  /** What this event says. */
  change: Partial<Task>;
}

export interface FollowOptions extends CallOptions {
  /** How long to go on without an answer before giving up; five minutes when absent. */
  patienceSeconds?: number;
}

export interface WaitOptions extends FollowOptions {
  onUpdate?: ((update: TaskUpdate) => void) | undefined;
}

const usualPatienceSeconds = 300;

export function followCalls(transport: Transport) {
  const { generate } = taskCalls(transport);

  /**
   * A task's life as it happens, to its end: a snapshot first, then every change. A connection that breaks goes on where it
   * was, at whichever API process answers.
   * @throws ApiError where the task is gone, or nothing has answered for too long
   */
  async function* followTask(
    id: string,
    { signal, patienceSeconds = usualPatienceSeconds }: FollowOptions = {},
  ): AsyncGenerator<TaskUpdate, void, undefined> {
    let task: Task | undefined;
    for await (const { type, change } of lastingChanges({ transport, id, signal }, patienceSeconds * 1000)) {
      task = { ...task, ...change } as Task;
      yield { type, task, change };
      if (type === 'done') return;
    }
  }

  /** Waits for a task to finish, however it ends. */
  async function waitForTask(id: string, { onUpdate, ...options }: WaitOptions = {}): Promise<Task> {
    for await (const update of followTask(id, options)) {
      onUpdate?.(update);
      if (update.type === 'done') return update.task;
    }
    throw new ApiError('internal', `The events of task ${id} ended without its end.`);
  }

  return {
    followTask,
    waitForTask,

    /**
     * The one call: submits a task, waits for it, and returns it completed.
     * @throws ApiError with the task's own reason when it did not complete
     */
    async run(
      request: Omit<SubmissionInput, 'dry_run' | 'n'>,
      { idempotencyKey, ...options }: WaitOptions & Pick<SubmitOptions, 'idempotencyKey'> = {},
    ): Promise<Task> {
      const { id } = await generate(request, {
        signal: options.signal,
        ...(idempotencyKey !== undefined && { idempotencyKey }),
      });
      const task = await waitForTask(id, options);
      const failure = failureOf(task);
      if (failure !== undefined) throw failure;
      return task;
    },
  };
}

interface Followed extends CallOptions {
  transport: Transport;
  id: string;
}

type Change = Omit<TaskUpdate, 'task'>;

/** The changes over one connection after the other, until nothing has been heard for too long. */
async function* lastingChanges(followed: Followed, patienceMs: number): AsyncGenerator<Change> {
  const place = startOfStream();
  let heardAt = Date.now();
  for (;;) {
    try {
      for await (const change of changesOf(followed, place)) {
        heardAt = Date.now();
        yield change;
      }
    } catch (error) {
      const mayPass = error instanceof ApiError && isRepeatable(error, true);
      if (!mayPass || Date.now() - heardAt >= patienceMs) throw error;
    }
    // Those who were cut off together do not come back together.
    await delay(Math.random() * place.reconnectMs, followed.signal);
  }
}

/** The changes over one connection, until it ends. */
async function* changesOf({ transport, id, signal }: Followed, place: StreamPlace): AsyncGenerator<Change> {
  const response = await transport.send({ path: taskPath(id, 'events'), headers: headersAt(place), signal });
  if (response.status === 204) {
    // All events were seen already; only the last may have been lost on the way.
    yield { type: 'done', change: await transport.json<Task>({ path: taskPath(id), signal }) };
    return;
  }
  for await (const { event, data } of eventsIn(response, { place, signal })) {
    if (isUpdateType(event)) yield { type: event, change: JSON.parse(data) as Partial<Task> };
  }
}

function isUpdateType(event = ''): event is TaskUpdate['type'] {
  return event === 'snapshot' || event === 'progress' || event === 'status' || event === 'done';
}

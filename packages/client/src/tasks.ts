import type {
  Estimate,
  GenerateRequestInput,
  Priority,
  SubmissionInput,
  SubmittedBatch,
  SubmittedTask,
  Task,
  TaskChange,
  TaskPage,
  TaskStatus,
} from '@musicgen/contract';
import { ApiError } from './api-error.ts';
import { createIdempotencyKey } from './idempotency-key.ts';
import type { CallOptions, Transport } from './transport.ts';

export interface SubmitOptions extends CallOptions {
  /** Names the submission, so that sending it again makes no second task; drawn at random when absent. */
  idempotencyKey?: string;
  /** Answer when the task has finished, after at most so many seconds (60 at most). */
  waitSeconds?: number;
}

export interface ListQuery {
  status?: TaskStatus | undefined;
  priority?: Priority | undefined;
  /** 1 to 100; 20 when absent. */
  limit?: number | undefined;
  /** `next_cursor` of the page before. */
  cursor?: string | undefined;
}

export function taskCalls({ json, send }: Transport) {
  const listTasks = (query: ListQuery = {}, { signal }: CallOptions = {}) =>
    json<TaskPage>({ path: '/api/v1/tasks', query: { ...query }, signal });

  return {
    /** Submits a task, or with `n` several; answers at once unless it is told to wait. */
    generate(
      request: Omit<SubmissionInput, 'dry_run'>,
      { idempotencyKey, waitSeconds, signal }: SubmitOptions = {},
    ): Promise<SubmittedTask> {
      return json({
        method: 'POST',
        path: '/api/v1/generate',
        json: request,
        headers: {
          'Idempotency-Key': idempotencyKey ?? createIdempotencyKey(),
          ...(waitSeconds !== undefined && { Prefer: `wait=${waitSeconds}` }),
        },
        waitSeconds,
        signal,
      });
    },

    /** When a task would be done if it were submitted now, and what its request would become; nothing is stored. */
    estimate(request: Omit<SubmissionInput, 'dry_run'>, { signal }: CallOptions = {}): Promise<Estimate> {
      return json({
        method: 'POST',
        path: '/api/v1/generate',
        json: { ...request, dry_run: true },
        signal,
      });
    },

    /** Submits up to 100 tasks, all or none. */
    submitBatch(
      requests: readonly GenerateRequestInput[],
      { idempotencyKey = createIdempotencyKey(), signal }: Omit<SubmitOptions, 'waitSeconds'> = {},
    ): Promise<SubmittedBatch> {
      const headers = { 'Idempotency-Key': idempotencyKey };
      return json({ method: 'POST', path: '/api/v1/batches', json: { requests }, headers, signal });
    },

    /** One task; with `waitSeconds` as soon as its status changes, after at most so many seconds (60 at most). */
    getTask(id: string, { waitSeconds, signal }: CallOptions & { waitSeconds?: number } = {}): Promise<Task> {
      return json({ path: taskPath(id), query: { wait: waitSeconds }, waitSeconds, signal });
    },

    /** A page of the caller's own tasks, the latest first. */
    listTasks,

    /** All of the caller's own tasks, the latest first, page by page as they are read. */
    async *eachTask(
      query: Omit<ListQuery, 'cursor'> = {},
      { signal }: CallOptions = {},
    ): AsyncGenerator<Task> {
      let cursor: string | undefined;
      do {
        const page = await listTasks({ ...query, cursor }, { signal });
        yield* page.tasks;
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
    },

    /** Changes the priority or the time to live of a task that waits. */
    changeTask(id: string, change: TaskChange, { signal }: CallOptions = {}): Promise<Task> {
      return json({ method: 'PATCH', path: taskPath(id), json: change, signal });
    },

    /** Cancels a task; one that runs stops at its next step. */
    cancelTask(id: string, { signal }: CallOptions = {}): Promise<Task> {
      return json({ method: 'POST', path: taskPath(id, 'cancel'), signal });
    },

    /** Submits the request of a finished task once more, as a new task. */
    retryTask(id: string, { signal }: CallOptions = {}): Promise<SubmittedTask> {
      return json({ method: 'POST', path: taskPath(id, 'retry'), repeatable: false, signal });
    },

    /** Cancels a task, if need be, and removes it with its audio. */
    async deleteTask(id: string, { signal }: CallOptions = {}): Promise<void> {
      await send({ method: 'DELETE', path: taskPath(id), signal }).catch(unlessDoneBefore);
    },
  };
}

/** The path of a task and of what belongs to it. */
export function taskPath(id: string, ...rest: string[]): string {
  return ['/api/v1/tasks', encodeURIComponent(id), ...rest].join('/');
}

/** A repeated removal that finds nothing: the answer to the first was lost. */
export function unlessDoneBefore(error: unknown): void {
  const isGone = error instanceof ApiError && (error.code === 'gone' || error.code === 'not_found');
  if (!isGone || error.attempts === 1) throw error;
}

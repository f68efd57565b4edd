import { ServiceError } from '@musicgen/contract';
import type { NewTask } from './task-queue.ts';
import type { TaskRecord } from './task-record.ts';

/** The most tasks that one call works on, so that no call keeps the others waiting. */
export const mostAtOnce = 100;

/**
 * Why tasks are not admitted: so many wait already, so many of the owner's are unfinished, or the key of the one at this
 * index stands for another request.
 */
export type Refusal = ['full' | 'limited' | 'mismatch', number];

/** In words. */
export function refusal([reason, number]: Refusal, tasks: readonly NewTask[]): ServiceError {
  switch (reason) {
    case 'full':
      return new ServiceError('queue_full', `The queue is full: ${number} tasks are waiting`);
    case 'limited': {
      const { ownerLimit } = tasks[0] ?? {};
      const detail = `${number} of your tasks are unfinished, and ${ownerLimit} may be at once`;
      return new ServiceError('concurrency_limit', detail);
    }
    case 'mismatch': {
      const { key } = tasks[number]?.idempotency ?? {};
      const detail = `The idempotency key "${key}" stands for another request`;
      return new ServiceError('idempotency_mismatch', detail);
    }
    default:
      return reason satisfies never;
  }
}

/** @throws RangeError for a batch that no caller may send. */
export function checkBatch(tasks: readonly NewTask[]): void {
  if (tasks.length > mostAtOnce) throw new RangeError(`A batch holds at most ${mostAtOnce} tasks`);
  const names = tasks.flatMap(({ id, idempotency }) => (idempotency ? [id, `key ${idempotency.key}`] : [id]));
  if (new Set(names).size < names.length) throw new RangeError('A batch names a task or a key twice');
  const odd = tasks.find(({ cost = 0, expectedMs = 0 }) => !isWhole(cost) || !isWhole(expectedMs));
  if (odd) throw new RangeError(`The cost and the expected time of task ${odd.id} must be whole numbers`);
  const [{ owner = '' } = {}] = tasks;
  if (tasks.some((task) => (task.owner ?? '') !== owner)) throw new RangeError('A batch has one owner');
  // Without a colon: it stands between owner and idempotency key.
  if (!/^[\w-]{0,64}$/.test(owner)) throw new RangeError(`"${owner}" cannot be an owner`);
  // `musicgen:task:stream` is the lifecycle stream.
  const unfit = tasks.find(({ id }) => !/^[\w-]{1,64}$/.test(id) || id === 'stream');
  if (unfit) throw new RangeError(`"${unfit.id}" cannot be a task id`);
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** The record of a task that is admitted now. */
export function newRecord(task: NewTask, now: number): TaskRecord {
  const { id, priority, request, owner, batchId, batchIndex, requestId, traceparent, cost, expectedMs } =
    task;
  return {
    id,
    status: 'pending',
    priority,
    request,
    ...(owner !== undefined && { owner }),
    ...(batchId !== undefined && { batchId }),
    ...(batchIndex !== undefined && { batchIndex }),
    ...(requestId !== undefined && { requestId }),
    ...(traceparent !== undefined && { traceparent }),
    ...(cost !== undefined && { cost }),
    ...(expectedMs !== undefined && { expectedMs }),
    attempt: 0,
    maxAttempts: task.maxAttempts,
    stalls: 0,
    createdAt: now,
    updatedAt: now,
    expiresAt: now + task.ttlSeconds * 1000,
  };
}

import { type Priority, ServiceError } from '@musicgen/contract';
import type { CancelOutcome, NewTask, QueuePlace, TaskProducer } from '../task-queue.ts';
import { fieldsFromReply, recordFromFields, type TaskRecord } from '../task-record.ts';
import { withinDeadline } from './blocking-connection.ts';
import type { QueueContext } from './context.ts';
import { redisUnavailable } from './redis-unavailable.ts';
import { cancelScript } from './scripts/cancel.lua.ts';
import { enqueueScript } from './scripts/enqueue.lua.ts';
import { placeScript } from './scripts/place.lua.ts';

export interface ProducerOptions {
  /** The most tasks that may wait; beyond it new ones are refused. */
  maxLength: number;
  /** A call that Redis has not answered by then fails. */
  timeoutMs: number;
}

export function createProducer(
  context: QueueContext,
  { maxLength, timeoutMs }: ProducerOptions,
): TaskProducer {
  const { redis, keys, run } = context;
  const answer = <Value>(attempted: string, reply: Promise<Value>) =>
    withinDeadline(timeoutMs, reply).catch((error: unknown) => {
      throw redisUnavailable(attempted, error);
    });

  return {
    async enqueue(task) {
      const reply = await answer('admit the task', run(enqueueScript, enqueueArguments(task, maxLength)));
      const [outcome, ...rest] = reply as [string, ...string[]];
      if (outcome === 'full') {
        throw new ServiceError('queue_full', `The queue is full: ${rest[0]} tasks are waiting`);
      }
      if (outcome === 'exists') return recordFromFields(task.id, fieldsFromReply(rest));
      return newRecord(task, Number(rest[0]));
    },

    async get(id) {
      const fields = await answer('read the task', redis.hgetall(keys.task(id)));
      return fields.status === undefined ? undefined : recordFromFields(id, fields);
    },

    async place(id): Promise<QueuePlace | undefined> {
      const reply = (await answer('find the place', run(placeScript, [id]))) as [number, number] | null;
      if (reply === null) return undefined;
      const [before, better] = reply;
      return { position: before + 1, ahead: before + better };
    },

    async cancel(id) {
      return (await answer('cancel the task', run(cancelScript, [id]))) as CancelOutcome;
    },
  };
}

function enqueueArguments(task: NewTask, maxLength: number) {
  // `musicgen:task:stream` is the lifecycle stream.
  if (!/^[\w-]{1,64}$/.test(task.id) || task.id === 'stream')
    throw new RangeError(`"${task.id}" cannot be a task id`);
  return [
    task.id,
    task.priority satisfies Priority,
    JSON.stringify(task.request),
    task.ttlSeconds * 1000,
    task.maxAttempts,
    maxLength,
    task.requestId ?? '',
  ];
}

function newRecord(
  { id, priority, request, requestId, maxAttempts, ttlSeconds }: NewTask,
  now: number,
): TaskRecord {
  return {
    id,
    status: 'pending',
    priority,
    request,
    ...(requestId !== undefined && { requestId }),
    attempt: 0,
    maxAttempts,
    stalls: 0,
    createdAt: now,
    updatedAt: now,
    expiresAt: now + ttlSeconds * 1000,
  };
}

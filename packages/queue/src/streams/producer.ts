import { ServiceError } from '@musicgen/contract';
import type { CancelOutcome, NewTask, QueuePlace, TaskProducer, UpdateOutcome } from '../task-queue.ts';
import { fieldsFromReply, recordFromFields, type TaskRecord, withContent } from '../task-record.ts';
import { withinDeadline } from './blocking-connection.ts';
import type { QueueContext } from './context.ts';
import { readFields } from './read-tasks.ts';
import { redisUnavailable } from './redis-unavailable.ts';
import type { ScriptArgument } from './script-runner.ts';
import { cancelScript } from './scripts/cancel.lua.ts';
import { enqueueFields, enqueueScript } from './scripts/enqueue.lua.ts';
import { placeScript } from './scripts/place.lua.ts';
import { scriptBound } from './scripts/script.ts';
import { updateScript } from './scripts/update.lua.ts';

export interface ProducerOptions {
  /** The most tasks that may wait; beyond it new ones are refused. */
  maxLength: number;
  /** How long an idempotency key is remembered. */
  idempotencyTtlMs: number;
  /** A call that Redis has not answered by then fails. */
  timeoutMs: number;
}

type EnqueueReply = ['full', number] | ['mismatch', number] | ['admitted', ...string[][]];

export function createProducer(context: QueueContext, options: ProducerOptions): TaskProducer {
  const { run } = context;
  const answer = <Value>(attempted: string, reply: Promise<Value>) =>
    withinDeadline(options.timeoutMs, reply).catch((error: unknown) => {
      throw redisUnavailable(attempted, error);
    });

  async function enqueueBatch(tasks: readonly NewTask[]): Promise<TaskRecord[]> {
    checkBatch(tasks);
    const { maxLength, idempotencyTtlMs } = options;
    const args = [maxLength, idempotencyTtlMs, ...tasks.flatMap(enqueueArguments)];
    const [outcome, ...rest] = (await answer('admit the task', run(enqueueScript, args))) as EnqueueReply;
    if (outcome === 'full') {
      throw new ServiceError('queue_full', `The queue is full: ${rest[0]} tasks are waiting`);
    }
    if (outcome === 'mismatch') {
      const { key } = tasks[Number(rest[0])]?.idempotency ?? {};
      throw new ServiceError(
        'idempotency_mismatch',
        `The idempotency key "${key}" stands for another request`,
      );
    }
    return tasks.map((task, index) => admittedRecord(task, (rest as string[][])[index] ?? []));
  }

  return {
    enqueueBatch,

    async enqueue(task) {
      const [record] = await enqueueBatch([task]);
      if (record === undefined) throw new ServiceError('internal', 'Redis did not say what it admitted');
      return record;
    },

    async get(id) {
      const fields = await answer('read the task', readFields(context, id));
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

    async update(id, { priority = '', ttlSeconds }) {
      const ttlMs = ttlSeconds === undefined ? '' : ttlSeconds * 1000;
      return (await answer('change the task', run(updateScript, [id, priority, ttlMs]))) as UpdateOutcome;
    },
  };
}

function checkBatch(tasks: readonly NewTask[]): void {
  if (tasks.length > scriptBound) throw new RangeError(`A batch holds at most ${scriptBound} tasks`);
  const names = tasks.flatMap(({ id, idempotency }) => (idempotency ? [id, `key ${idempotency.key}`] : [id]));
  if (new Set(names).size < names.length) throw new RangeError('A batch names a task or a key twice');
  const odd = tasks.find(({ cost = 0, expectedMs = 0 }) => !isWhole(cost) || !isWhole(expectedMs));
  if (odd) throw new RangeError(`The cost and the expected time of task ${odd.id} must be whole numbers`);
  // `musicgen:task:stream` is the lifecycle stream.
  const unfit = tasks.find(({ id }) => !/^[\w-]{1,64}$/.test(id) || id === 'stream');
  if (unfit) throw new RangeError(`"${unfit.id}" cannot be a task id`);
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function enqueueArguments(task: NewTask): ScriptArgument[] {
  const values: Record<(typeof enqueueFields)[number], ScriptArgument> = {
    id: task.id,
    priority: task.priority,
    request: JSON.stringify(task.request),
    ttlMs: task.ttlSeconds * 1000,
    maxAttempts: task.maxAttempts,
    requestId: task.requestId ?? '',
    idempotencyKey: task.idempotency?.key ?? '',
    requestHash: task.idempotency?.requestHash ?? '',
    cost: task.cost ?? '',
    expectedMs: task.expectedMs ?? '',
  };
  return enqueueFields.map((field) => values[field]);
}

/** The record of a task that was just admitted (the reply is the time) or that was known already (its fields). */
function admittedRecord(task: NewTask, reply: readonly string[]): TaskRecord {
  const [first = '', content, ...fields] = reply;
  return fields.length > 0
    ? recordFromFields(first, withContent(fieldsFromReply(fields), content))
    : newRecord(task, Number(first));
}

function newRecord(
  { id, priority, request, requestId, cost, expectedMs, maxAttempts, ttlSeconds }: NewTask,
  now: number,
): TaskRecord {
  return {
    id,
    status: 'pending',
    priority,
    request,
    ...(requestId !== undefined && { requestId }),
    ...(cost !== undefined && { cost }),
    ...(expectedMs !== undefined && { expectedMs }),
    attempt: 0,
    maxAttempts,
    stalls: 0,
    createdAt: now,
    updatedAt: now,
    expiresAt: now + ttlSeconds * 1000,
  };
}

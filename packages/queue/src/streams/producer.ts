import { ServiceError } from '@musicgen/contract';
import type {
  CancelOutcome,
  EraseOutcome,
  NewTask,
  QueuePlace,
  TaskProducer,
  UpdateOutcome,
} from '../task-queue.ts';
import { fieldsFromReply, recordFromFields, type TaskRecord, withContent } from '../task-record.ts';
import { withinDeadline } from './blocking-connection.ts';
import type { QueueContext } from './context.ts';
import { readFields } from './read-tasks.ts';
import { redisUnavailable } from './redis-unavailable.ts';
import type { ScriptArgument } from './script-runner.ts';
import { cancelScript } from './scripts/cancel.lua.ts';
import { enqueueScript } from './scripts/enqueue.lua.ts';
import { eraseScript } from './scripts/erase.lua.ts';
import { placeScript } from './scripts/place.lua.ts';
import { scriptBound } from './scripts/script.ts';
import { updateScript } from './scripts/update.lua.ts';
import { listTasks } from './task-list.ts';

export interface ProducerOptions {
  /** The most tasks that may wait; beyond it new ones are refused. */
  maxLength: number;
  /** How long an idempotency key is remembered. */
  idempotencyTtlMs: number;
  /** A call that Redis has not answered by then fails. */
  timeoutMs: number;
}

type Refusal = ['full' | 'limited' | 'mismatch', number];
type EnqueueReply = Refusal | ['admitted', ...string[][]];

export function createProducer(context: QueueContext, options: ProducerOptions): TaskProducer {
  const { redis, keys, run } = context;
  const answer = <Value>(attempted: string, reply: Promise<Value>) =>
    withinDeadline(options.timeoutMs, reply).catch((error: unknown) => {
      throw redisUnavailable(attempted, error);
    });

  async function enqueueBatch(tasks: readonly NewTask[]): Promise<TaskRecord[]> {
    checkBatch(tasks);
    const { maxLength, idempotencyTtlMs } = options;
    const { owner = '', ownerLimit = '' } = tasks[0] ?? {};
    const args = [maxLength, idempotencyTtlMs, owner, ownerLimit, ...tasks.flatMap(enqueueArguments)];
    const reply = (await answer('admit the task', run(enqueueScript, args))) as EnqueueReply;
    if (reply[0] !== 'admitted') throw refusal(reply, tasks);
    const [, ...admitted] = reply;
    return tasks.map((task, index) => admittedRecord(task, admitted[index] ?? []));
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

    async list(listing) {
      return answer('list the tasks', listTasks(context, listing));
    },

    async notice(id) {
      return (await answer('read the task', redis.get(keys.notice(id)))) ?? undefined;
    },

    async wasRemoved(id) {
      return (await answer('look for the task', redis.exists(keys.removed(id)))) === 1;
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

    async erase(id) {
      return (await answer('erase the task', run(eraseScript, [id]))) as EraseOutcome;
    },

    async update(id, { priority = '', ttlSeconds }) {
      const ttlMs = ttlSeconds === undefined ? '' : ttlSeconds * 1000;
      return (await answer('change the task', run(updateScript, [id, priority, ttlMs]))) as UpdateOutcome;
    },
  };
}

function refusal([reason, number]: Refusal, tasks: readonly NewTask[]): ServiceError {
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

function checkBatch(tasks: readonly NewTask[]): void {
  if (tasks.length > scriptBound) throw new RangeError(`A batch holds at most ${scriptBound} tasks`);
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

/** As `enqueue.lua.ts` takes them. */
function enqueueArguments(task: NewTask): ScriptArgument[] {
  const { requestId, owner, cost, expectedMs, batchId, batchIndex, notify } = task;
  const fields = Object.entries({
    maxAttempts: task.maxAttempts,
    requestId,
    owner,
    cost,
    expectedMs,
    batchId,
    batchIndex,
    // Only that there is one; it has a key of its own.
    notify: notify === undefined ? undefined : 1,
  }).flatMap(([field, value]) => (value === undefined ? [] : [field, value]));
  return [
    task.id,
    task.priority,
    task.ttlSeconds * 1000,
    JSON.stringify(task.request),
    notify ?? '',
    task.idempotency?.key ?? '',
    task.idempotency?.requestHash ?? '',
    cost ?? '',
    fields.length,
    ...fields,
  ];
}

/** The record of a task that was just admitted (the reply is the time) or that was known already (its fields). */
function admittedRecord(task: NewTask, reply: readonly string[]): TaskRecord {
  const [first = '', content, ...fields] = reply;
  return fields.length > 0
    ? recordFromFields(first, withContent(fieldsFromReply(fields), content))
    : newRecord(task, Number(first));
}

function newRecord(task: NewTask, now: number): TaskRecord {
  const { id, priority, request, owner, batchId, batchIndex, requestId, cost, expectedMs } = task;
  return {
    id,
    status: 'pending',
    priority,
    request,
    ...(owner !== undefined && { owner }),
    ...(batchId !== undefined && { batchId }),
    ...(batchIndex !== undefined && { batchIndex }),
    ...(requestId !== undefined && { requestId }),
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

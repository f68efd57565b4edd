import type { Priority } from '@musicgen/contract';
import { checkBatch, newRecord, type Refusal, refusal } from '../admission.ts';
import type {
  CancelOutcome,
  EraseOutcome,
  NewTask,
  ProducerOptions,
  TaskProducer,
  UpdateOutcome,
} from '../task-queue.ts';
import {
  fieldsFromReply,
  placeFrom,
  type QueuePlace,
  recordFromFields,
  type TaskRecord,
  withContent,
} from '../task-record.ts';
import { createAdmissions } from './admissions.ts';
import { withinDeadline } from './blocking-connection.ts';
import type { QueueContext } from './context.ts';
import { createTaskReader, readReplies } from './read-tasks.ts';
import { redisUnavailable } from './redis-unavailable.ts';
import type { ScriptArgument } from './script-runner.ts';
import { cancelScript } from './scripts/cancel.lua.ts';
import { enqueueScript } from './scripts/enqueue.lua.ts';
import { eraseScript } from './scripts/erase.lua.ts';
import { placeScript } from './scripts/place.lua.ts';
import { updateScript } from './scripts/update.lua.ts';
import { listTasks } from './task-list.ts';

type EnqueueReply = Refusal | AdmittedReplies;
type AdmittedReplies = ['admitted', ...AdmittedReply[]];
type AdmittedReply =
  | [now: string, before: number, better: number]
  | [id: string, content: string, before: number | '', better: number | '', ...fields: string[]];

export function createProducer(context: QueueContext, options: ProducerOptions): TaskProducer {
  const { redis, keys, events, run } = context;
  const answer = <Value>(attempted: string, reply: Promise<Value>) =>
    withinDeadline(options.timeoutMs, reply).catch((error: unknown) => {
      throw redisUnavailable(attempted, error);
    });

  async function enqueueBatch(tasks: readonly NewTask[]): Promise<TaskRecord[]> {
    const reply = await admit(tasks, options.maxLength);
    if (reply[0] !== 'admitted') throw refusal(reply, tasks);
    return recordsOf(reply, tasks);
  }

  async function admit(tasks: readonly NewTask[], maxLength: number): Promise<EnqueueReply> {
    checkBatch(tasks);
    const { owner = '', ownerLimit = '' } = tasks[0] ?? {};
    const limits = [maxLength, options.idempotencyTtlMs, owner, ownerLimit];
    const script = run(enqueueScript, [...limits, ...tasks.flatMap(enqueueArguments)]);
    return (await answer('admit the task', script)) as EnqueueReply;
  }

  return {
    enqueueBatch,

    enqueue: createAdmissions(enqueueBatch),

    async known(tasks) {
      // For nobody new there is room.
      const reply = await admit(tasks, -1);
      if (reply[0] === 'full') return undefined;
      if (reply[0] !== 'admitted') throw refusal(reply, tasks);
      return recordsOf(reply, tasks);
    },

    get: createTaskReader((ids) => answer('read the task', readReplies(context, ids))),

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
      return reply === null ? undefined : placeFrom(...reply);
    },

    async cancel(id) {
      const reply = await answer('cancel the task', run(cancelScript, [id]));
      const [outcome, priority] = [reply].flat() as [CancelOutcome, Priority?];
      if (priority !== undefined) events.emit('task:cancelled', { taskId: id, priority });
      return outcome;
    },

    async erase(id) {
      const reply = await answer('erase the task', run(eraseScript, [id]));
      const [outcome, cancelled] = [reply].flat() as [EraseOutcome, Priority?];
      if (cancelled !== undefined) events.emit('task:cancelled', { taskId: id, priority: cancelled });
      return outcome;
    },

    async update(id, { priority = '', ttlSeconds }) {
      const ttlMs = ttlSeconds === undefined ? '' : ttlSeconds * 1000;
      return (await answer('change the task', run(updateScript, [id, priority, ttlMs]))) as UpdateOutcome;
    },
  };
}

const optionalFields = [
  'requestId',
  'traceparent',
  'owner',
  'cost',
  'expectedMs',
  'batchId',
  'batchIndex',
] as const satisfies (keyof NewTask)[];

/** As `enqueue.lua.ts` takes them. */
function enqueueArguments(task: NewTask): ScriptArgument[] {
  const { notify, cost } = task;
  const fields: ScriptArgument[] = ['maxAttempts', task.maxAttempts];
  for (const field of optionalFields) {
    const value = task[field];
    if (value !== undefined) fields.push(field, value);
  }
  // Only that there is one; it has a key of its own.
  if (notify !== undefined) fields.push('notify', 1);
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

function recordsOf([, ...admitted]: AdmittedReplies, tasks: readonly NewTask[]): TaskRecord[] {
  return admitted.map((answered, index) => admittedRecord(tasks[index] as NewTask, answered));
}

/** The record of a task that was just admitted, or of one that was known already. */
function admittedRecord(task: NewTask, reply: AdmittedReply): TaskRecord {
  if (isNew(reply)) {
    const [now, before, better] = reply;
    return { ...newRecord(task, Number(now)), place: placeFrom(before, better) };
  }
  const [id, content, before, better, ...fields] = reply;
  const record = recordFromFields(id, withContent(fieldsFromReply(fields), content));
  return before === '' || better === '' ? record : { ...record, place: placeFrom(before, better) };
}

function isNew(reply: AdmittedReply): reply is [now: string, before: number, better: number] {
  return typeof reply[1] === 'number';
}

import type { MigratedTask } from '../migrate/migrated-task.ts';
import { failureToText, type TaskRecord } from '../task-record.ts';
import type { QueueContext } from './context.ts';
import { runWithGroups } from './groups.ts';
import { formOf } from './older-data.ts';
import type { ScriptArgument } from './script-runner.ts';
import { forgetScript } from './scripts/forget.lua.ts';
import { scriptBound } from './scripts/script.ts';
import { takeOverScript } from './scripts/take-over.lua.ts';
import { unparkScript } from './scripts/unpark.lua.ts';

/** How long a target knows which tasks have come, and so how long after a broken-off migration it can be run again. */
const knownForMs = 7 * 86_400_000;
/** As long as a new key is remembered (`streams-queue.ts`); when the old one began is not known. */
const idempotencyMs = 86_400_000;

/** An idempotency key, and what it stands for. */
export interface RememberedKey {
  /** The owner, a colon, the key. */
  ownerAndKey: string;
  /** The hash of the request and the id of the task. */
  value: string;
  remainingMs: number;
}

/** Brings tasks in from elsewhere, and lets go of those that go on elsewhere. */
export interface TaskMover {
  /**
   * Brings tasks in as they stand; the waiting ones are parked. Answers for each whether it came: one that was brought
   * before, or that this queue has had for another reason, stays as it is.
   */
  takeOver(tasks: readonly MigratedTask[]): Promise<boolean[]>;
  /** Gives parked tasks another place in the order; those that are not parked stay as they are. */
  place(places: readonly { id: string; order: number }[]): Promise<void>;
  /** Lets up to 100 parked tasks into their queues, in order; resolves to how many, 0 when none is parked. */
  unpark(): Promise<number>;
  /** Which of these are there, or have been during the last day, or were brought in during the last week. */
  known(ids: readonly string[]): Promise<boolean[]>;
  /** Keeps idempotency keys that are not known yet. */
  remember(remembered: readonly RememberedKey[]): Promise<void>;
  /** Removes tasks without a word to anyone, their audio excepted. Nobody may be working on them. */
  forget(ids: readonly string[]): Promise<void>;
}

export function createMover(context: QueueContext): TaskMover {
  const { redis, keys, run } = context;
  return {
    async takeOver(tasks) {
      const came: boolean[] = [];
      for (let from = 0; from < tasks.length; from += scriptBound) {
        const args = tasks.slice(from, from + scriptBound).flatMap(takeOverArguments);
        const outcomes = (await run(takeOverScript, [knownForMs, ...args])) as number[];
        came.push(...outcomes.map((outcome) => outcome === 1));
      }
      return came;
    },

    async place(places) {
      if (places.length === 0) return;
      await redis.zadd(keys.parked, 'XX', ...places.flatMap(({ id, order }) => [order, id]));
    },

    async unpark() {
      return Number(await runWithGroups(context, unparkScript, []));
    },

    async known(ids) {
      if (ids.length === 0) return [];
      const came = await redis.smismember(keys.migrated, ...ids);
      // What an older service keeps under the name is not ours: it may be the very task that is to come.
      const forms = await Promise.all(ids.map((id) => formOf(redis, keys.task(id))));
      const removed = await Promise.all(ids.map((id) => redis.exists(keys.removed(id))));
      return ids.map((_, index) => came[index] === 1 || forms[index] === 'own' || removed[index] === 1);
    },

    async remember(remembered) {
      const kept = remembered.map(({ ownerAndKey, value, remainingMs }) =>
        redis.set(keys.remembered(ownerAndKey), value, 'PX', remainingMs, 'NX'),
      );
      await Promise.all(kept);
    },

    async forget(ids) {
      for (let from = 0; from < ids.length; from += scriptBound) {
        await run(forgetScript, ids.slice(from, from + scriptBound));
      }
    },
  };
}

/** As `take-over.lua.ts` takes them. */
function takeOverArguments({ task, order, notify, deadSince, idempotency }: MigratedTask): ScriptArgument[] {
  const { id, status, priority, retryAt, createdAt, expiresAt, request, result, owner } = task;
  const content = [request, ...(result === undefined ? [] : [result])]
    .map((part) => JSON.stringify(part))
    .join('\n');
  const fields = recordFields(task, notify);
  return [
    id,
    status,
    priority,
    order ?? '',
    status === 'pending' ? (retryAt ?? '') : '',
    createdAt,
    expiresAt,
    content,
    notify ?? '',
    deadSince ?? '',
    idempotency?.key ?? '',
    idempotency?.requestHash ?? '',
    idempotencyMs,
    owner ?? '',
    fields.length,
    ...fields,
  ];
}

/** The fields of the hash beside those that the script sets; none that would hold its default (`task-record.ts`). */
function recordFields(task: TaskRecord, notify: string | undefined): ScriptArgument[] {
  const { attempt, stalls, updatedAt, createdAt, progress, error } = task;
  const fields = {
    maxAttempts: task.maxAttempts,
    attempt: attempt || undefined,
    stalls: stalls || undefined,
    owner: task.owner,
    batchId: task.batchId,
    batchIndex: task.batchIndex,
    requestId: task.requestId,
    cost: task.cost,
    expectedMs: task.expectedMs,
    updatedAt: updatedAt === createdAt ? undefined : updatedAt,
    startedAt: task.startedAt,
    finishedAt: task.finishedAt,
    worker: task.worker,
    retryAt: task.retryAt,
    error: error && failureToText(error),
    frame: progress?.frame,
    frames: progress?.frames,
    notify: notify === undefined ? undefined : 1,
  };
  return Object.entries(fields).flatMap(([field, value]) => (value === undefined ? [] : [field, value]));
}

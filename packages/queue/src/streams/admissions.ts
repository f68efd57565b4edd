import { ServiceError } from '@musicgen/contract';
import { mostAtOnce } from '../admission.ts';
import type { NewTask } from '../task-queue.ts';
import type { TaskRecord } from '../task-record.ts';

interface Waiting {
  task: NewTask;
  resolve: (record: TaskRecord) => void;
  reject: (error: unknown) => void;
}

/** Admits tasks that may be of one call, all or none. */
type Send = (tasks: readonly NewTask[]) => Promise<TaskRecord[]>;

/**
 * Admits tasks one by one for their callers and several in one call for Redis: while a call is on its way, those that
 * come meanwhile are gathered for one turn of the event loop. A task that comes alone is sent at once.
 *
 * A call that is refused has admitted none of its tasks, so then each is sent by itself and gets its own answer.
 */
export function createAdmissions(send: Send): (task: NewTask) => Promise<TaskRecord> {
  let onTheWay = 0;
  let gathered: Waiting[] = [];

  async function sendTogether(tasks: readonly NewTask[]): Promise<TaskRecord[]> {
    onTheWay += 1;
    try {
      return await send(tasks);
    } finally {
      onTheWay -= 1;
    }
  }

  async function sendAlone(task: NewTask): Promise<TaskRecord> {
    const [record] = await sendTogether([task]);
    if (record === undefined) throw new ServiceError('internal', 'Redis did not say what it admitted');
    return record;
  }

  function sendGroup(group: readonly Waiting[]): void {
    sendTogether(group.map(({ task }) => task)).then(
      (records) => {
        for (const [index, { resolve }] of group.entries()) resolve(records[index] as TaskRecord);
      },
      (error: unknown) => {
        if (isOfRedis(error)) for (const { reject } of group) reject(error);
        else for (const { task, resolve, reject } of group) sendAlone(task).then(resolve, reject);
      },
    );
  }

  function sendGathered(): void {
    const groups = groupsOf(gathered);
    gathered = [];
    for (const group of groups) sendGroup(group);
  }

  return (task) => {
    if (onTheWay === 0) return sendAlone(task);
    return new Promise((resolve, reject) => {
      if (gathered.length === 0) setImmediate(sendGathered);
      gathered.push({ task, resolve, reject });
    });
  };
}

/** It is no verdict on a task, and sending each again would only take longer. */
function isOfRedis(error: unknown): boolean {
  return error instanceof ServiceError && ['dependency_unavailable', 'redis_full'].includes(error.code);
}

/** What one call may hold: tasks of one owner, no id or idempotency key twice, as many as a script goes through. */
function groupsOf(waiting: readonly Waiting[]): Waiting[][] {
  const open = new Map<string, { group: Waiting[]; names: Set<string> }>();
  const groups: Waiting[][] = [];
  for (const one of waiting) {
    const { id, owner = '', ownerLimit = '', idempotency } = one.task;
    const names = idempotency === undefined ? [id] : [id, `key ${idempotency.key}`];
    const caller = `${owner} ${ownerLimit}`;
    let current = open.get(caller);
    if (
      current === undefined ||
      current.group.length === mostAtOnce ||
      names.some((name) => current?.names.has(name))
    ) {
      current = { group: [], names: new Set() };
      open.set(caller, current);
      groups.push(current.group);
    }
    current.group.push(one);
    for (const name of names) current.names.add(name);
  }
  return groups;
}

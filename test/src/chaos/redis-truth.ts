import { type Priority, type TaskStatus, taskStatuses } from '@musicgen/contract';
import type { LifecycleEventType, OutboxReader, TaskListing, TaskProducer } from '@musicgen/queue';
import type { Redis } from 'ioredis';
import type { HistoryWriter } from './history.ts';
import { owners } from './load.ts';
import { settings } from './settings.ts';

const { prefix } = settings;
const lifecycleKey = `${prefix}:task:stream`;
const pageLength = 5_000;

/** The status that each event leaves a task in. */
const statusAfter: Record<LifecycleEventType, TaskStatus> = {
  created: 'pending',
  updated: 'pending',
  claimed: 'processing',
  progress: 'processing',
  cancelling: 'processing',
  retrying: 'pending',
  requeued: 'pending',
  returned: 'pending',
  stalled: 'pending',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'expired',
};

/** Puts every lifecycle event into the history, oldest first. */
export async function recordLifecycle(redis: Redis, history: HistoryWriter): Promise<void> {
  for (let after = '-'; ; ) {
    const page = await redis.xrange(lifecycleKey, after, '+', 'COUNT', pageLength);
    for (const [id, values] of page) recordEntry(id, values, history);
    const last = page.at(-1);
    if (last === undefined || page.length < pageLength) return;
    after = `(${last[0]}`;
  }
}

function recordEntry(id: string, values: readonly string[], history: HistoryWriter): void {
  const fields: Record<string, string | undefined> = {};
  for (let index = 0; index + 1 < values.length; index += 2)
    fields[String(values[index])] = values[index + 1];
  // Nothing the checker judges by, and half of all events.
  if (fields.type === 'progress') return;
  const event = fields.type as LifecycleEventType;
  history.write(
    {
      type: 'lifecycle',
      id,
      task: fields.id ?? '',
      event,
      status: statusAfter[event],
      priority: fields.priority as Priority,
      attempt: Number(fields.attempt),
      ...(fields.retryAt !== undefined && { retryAt: Number(fields.retryAt) }),
    },
    Number(id.split('-')[0]),
  );
}

/** Puts what is stored of every task into the history; of a task that is gone, nothing. */
export async function recordTasks(
  producer: TaskProducer,
  tasks: readonly string[],
  history: HistoryWriter,
): Promise<void> {
  for (const task of tasks) {
    const record = await producer.get(task);
    if (record === undefined) continue;
    const { status, attempt, stalls } = record;
    history.write({ type: 'record:read', task, status, attempt, stalls });
  }
}

/**
 * The tasks that wait in their queues after a retry's delay, with the newest lifecycle event at that moment.
 * Returns  {ms, lifecycle id, {task, score …}}
 */
const waitingRetries = `
local found = {}
for _, priority in ipairs({ 'CRITICAL', 'HIGH', 'NORMAL', 'LOW' }) do
  local waiting = redis.call('ZRANGE', '${prefix}:queue:' .. priority, 0, 99, 'WITHSCORES')
  for index = 1, #waiting, 2 do
    if tonumber(redis.call('HGET', '${prefix}:task:' .. waiting[index], 'attempt') or 0) > 0 then
      found[#found + 1] = waiting[index]
      found[#found + 1] = waiting[index + 1]
    end
  end
end
local time = redis.call('TIME')
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return { time[1] * 1000 + math.floor(time[2] / 1000), newest and newest[1] or '0-0', found }
`;

/** Looks once which retried tasks wait in their queues. Throws while Redis is away. */
export async function recordWaitingRetries(redis: Redis, history: HistoryWriter): Promise<void> {
  const [at, afterId, found] = (await redis.eval(waitingRetries, 1, lifecycleKey)) as [
    number,
    string,
    string[],
  ];
  for (let index = 0; index + 1 < found.length; index += 2) {
    const [task = '', score] = found.slice(index, index + 2);
    history.write({ type: 'retry:seen', task, score: Number(score), afterId }, at);
  }
}

/** Puts every task that an owner finds under a status into the history. */
export async function recordLists(producer: TaskProducer, history: HistoryWriter): Promise<void> {
  for (const owner of owners) {
    const whose = owner === undefined ? {} : { owner };
    for (const status of taskStatuses) {
      for await (const task of listed(producer, { ...whose, status })) {
        history.write({ type: 'list:read', task, status, ...whose });
      }
    }
  }
}

async function* listed(producer: TaskProducer, filter: Omit<TaskListing, 'limit'>): AsyncGenerator<string> {
  let page = await producer.list({ ...filter, limit: 100 });
  yield* page.tasks.map(({ id }) => id);
  while (page.nextCursor !== undefined) {
    page = await producer.list({ ...filter, limit: 100, cursor: page.nextCursor });
    yield* page.tasks.map(({ id }) => id);
  }
}

/** Puts what one call reads from the outbox into the history, and only then acknowledges it; resolves to how much. */
export async function recordOutbox(
  reader: OutboxReader,
  history: HistoryWriter,
  wait?: Parameters<OutboxReader['read']>[1],
): Promise<number> {
  const entries = await reader.read(100, wait);
  for (const { id: entry, taskId: task, status, notify } of entries) {
    history.write({ type: 'outbox:read', task, entry, status, notify });
  }
  await reader.acknowledge(entries.map(({ id }) => id));
  return entries.length;
}

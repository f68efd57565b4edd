import { setTimeout as delay } from 'node:timers/promises';
import { type Priority, type TaskStage, taskStages } from '@musicgen/contract';
import {
  compareIds,
  type LifecycleEvent,
  type LifecycleEventType,
  type LifecycleReader,
  statusAfter,
} from '../lifecycle.ts';
import { failureFromText, fieldsFromReply, progressFromFields, type RecordFields } from '../task-record.ts';
import { createBlockingConnection, withinDeadline } from './blocking-connection.ts';
import type { QueueContext } from './context.ts';
import { redisUnavailable } from './redis-unavailable.ts';

const blockMs = 5_000;
const pageLength = 1_000;
/** A call about the past that Redis has not answered by then fails. */
const timeoutMs = 2_000;
/** How long the reader pauses after its connection broke; it then goes on where it stood. */
const reconnectPauseMs = 500;

/** Where a stream without entries stands. */
const beforeTheFirst = '0-0';

type StreamEntry = [id: string, fields: string[]];
type Listener = (event: LifecycleEvent) => void;

export function createLifecycleReader(context: QueueContext): LifecycleReader {
  const { redis, keys, events } = context;
  const connection = createBlockingConnection({ redis, role: 'lifecycle', events });
  const listeners = new Map<string, Set<Listener>>();
  const closing = new AbortController();
  /** The last event seen; `$` would skip what happens between two reads. */
  let position: string | undefined;
  let markPositioned = () => {};
  /** From here on nothing is missed, so what is read of the past joins what is followed without a gap. */
  const positioned = new Promise<void>((resolve) => {
    markPositioned = resolve;
  });

  async function newestId(): Promise<string> {
    const newest = await connection.run(blockMs, (client) =>
      client.xrevrange(keys.lifecycle, '+', '-', 'COUNT', 1),
    );
    return newest[0]?.[0] ?? '0-0';
  }

  async function turn(): Promise<void> {
    position ??= await newestId();
    markPositioned();
    const after = position;
    const reply = await connection.run(blockMs, (client) =>
      client.xread('COUNT', pageLength, 'BLOCK', blockMs, 'STREAMS', keys.lifecycle, after),
    );
    for (const entry of reply?.[0]?.[1] ?? []) {
      position = entry[0];
      deliver(entry);
    }
  }

  function deliver(entry: StreamEntry): void {
    const taskId = entry[1][1] ?? '';
    const following = listeners.get(taskId);
    if (following === undefined) return;
    const event = eventFromEntry(entry);
    if (event !== undefined) for (const listener of [...following]) listener(event);
  }

  async function* entriesAfter(streamId: string): AsyncGenerator<StreamEntry> {
    let after = streamId;
    for (;;) {
      const page = await answer(redis.xrange(keys.lifecycle, `(${after}`, '+', 'COUNT', pageLength));
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < pageLength) return;
      after = last[0];
    }
  }

  /** Whether nothing after the id has been trimmed, and the id is one that this stream has given. */
  async function holds(streamId: string): Promise<boolean> {
    if (streamId === beforeTheFirst) return true;
    const [[oldest], [newest]] = await Promise.all([
      answer(redis.xrange(keys.lifecycle, '-', '+', 'COUNT', 1)),
      answer(redis.xrevrange(keys.lifecycle, '+', '-', 'COUNT', 1)),
    ]);
    if (oldest === undefined || newest === undefined) return false;
    return compareIds(oldest[0], streamId) <= 0 && compareIds(streamId, newest[0]) <= 0;
  }

  async function read(): Promise<void> {
    while (!closing.signal.aborted) {
      await turn().catch(() =>
        delay(reconnectPauseMs, undefined, { signal: closing.signal }).catch(() => {}),
      );
    }
  }

  const finished = read();

  return {
    follow(taskId, listener) {
      const following = listeners.get(taskId) ?? new Set();
      listeners.set(taskId, following.add(listener));
      return () => {
        following.delete(listener);
        if (following.size === 0 && listeners.get(taskId) === following) listeners.delete(taskId);
      };
    },

    async latestId() {
      await answer(positioned);
      const [newest] = await answer(redis.xrevrange(keys.lifecycle, '+', '-', 'COUNT', 1));
      return newest?.[0] ?? beforeTheFirst;
    },

    async since(taskId, streamId) {
      await answer(positioned);
      if (!(await holds(streamId))) return undefined;
      const found: LifecycleEvent[] = [];
      for await (const entry of entriesAfter(streamId)) {
        const event = entry[1][1] === taskId ? eventFromEntry(entry) : undefined;
        if (event !== undefined) found.push(event);
      }
      return found;
    },

    async close() {
      closing.abort();
      connection.close();
      await finished;
    },
  };
}

async function answer<Value>(reply: Promise<Value>): Promise<Value> {
  return withinDeadline(timeoutMs, reply).catch((error: unknown) => {
    throw redisUnavailable('read the events', error);
  });
}

function isEventType(type: string | undefined): type is LifecycleEventType {
  return type !== undefined && Object.hasOwn(statusAfter, type);
}

/** An event as the scripts write it (`id` and `type` first), or nothing for an entry that someone else wrote. */
function eventFromEntry([id, reply]: StreamEntry): LifecycleEvent | undefined {
  const fields = fieldsFromReply(reply);
  const { id: taskId, type } = fields;
  if (taskId === undefined || !isEventType(type)) return undefined;
  return { id, taskId, type, task: { status: statusAfter[type], ...changedFields(fields) } };
}

function changedFields(fields: RecordFields) {
  const stage: TaskStage | undefined = taskStages.find((candidate) => candidate === fields.stage);
  const progress = progressFromFields(fields);
  return {
    priority: fields.priority as Priority,
    attempt: Number(fields.attempt),
    ...(stage !== undefined && { stage }),
    ...(progress !== undefined && { progress }),
    ...(fields.error !== undefined && { error: failureFromText(fields.error) }),
    ...(fields.retryAt !== undefined && { retryAt: Number(fields.retryAt) }),
  };
}

import type { Priority } from '@musicgen/contract';
import { isBasicRecord } from '../basic/basic-record.ts';
import { createKeys } from '../keys.ts';
import type { TaskMover } from '../streams/mover.ts';
import {
  createOlderKeys,
  formOf,
  isOlderStream,
  olderQueueNames,
  scanKeys,
  type TaskKeyForm,
} from '../streams/older-data.ts';
import type { RedisClient } from '../streams/redis-client.ts';
import type { JsonObject } from '../task-record.ts';
import {
  type MigratedTask,
  type SourceTask,
  type TargetRules,
  UnfitTask,
  unfitFrom,
} from './migrated-task.ts';
import { taskFromOlder } from './older-task.ts';
import { isObject, nested, printableName, textOf, uuidOf } from './older-values.ts';
import { entryTime, taskFromBasic, taskFromFields } from './own-task.ts';
import type { TaskSource } from './task-source.ts';

/** The most that one task may take in Redis: beyond it is nothing that a queue could work with. */
const largestBytes = 2 ** 20;

export interface RedisSourceOptions {
  redis: RedisClient;
  prefix: string;
  /** Tasks a page. */
  batchSize: number;
  rules: TargetRules;
  /** Of the source, to let go of tasks in our own layout. */
  mover: Pick<TaskMover, 'forget'>;
  /** Where the target has its own tasks under the same keys: those are no tasks of the source. */
  ignoreOwn?: boolean;
}

/** The tasks under a prefix, whichever of our or the older service's kinds has written them. */
export function createRedisSource(options: RedisSourceOptions): TaskSource {
  const { redis, prefix, batchSize, mover, ignoreOwn = false } = options;
  const keys = createKeys(prefix);
  const older = createOlderKeys(prefix);
  const reader = createReader(options);

  async function* taskKeys(): AsyncGenerator<Buffer[]> {
    const [meta, lifecycle] = [Buffer.from(older.meta('')), Buffer.from(keys.lifecycle)];
    const isTask = (key: Buffer) => !key.subarray(0, meta.length).equals(meta) && !key.equals(lifecycle);
    for await (const page of scanKeys(redis, keys.task('*'), batchSize)) {
      const tasks = page.filter(isTask);
      for (let from = 0; from < tasks.length; from += batchSize) yield tasks.slice(from, from + batchSize);
    }
  }

  return {
    async count() {
      let total = 0;
      for await (const page of taskKeys()) total += page.length;
      return total;
    },

    async *pages() {
      for await (const page of taskKeys()) {
        const read = await Promise.all(page.map((key) => reader.read(key)));
        yield read.filter(({ found }) => found.form !== 'gone' && !(ignoreOwn && found.form === 'own'));
      }
    },

    /** The stream tells the order within the second that is all the queues know. */
    async *places() {
      if (!(await isOlderStream(redis, older.stream))) return;
      const length = await redis.xlen(older.stream);
      let before = 0;
      for await (const entries of streamPages(redis, older.stream, batchSize)) {
        const first = before;
        before += entries.length;
        yield await Promise.all(
          entries.map(async ([entry, fields], index) => {
            const id = fields[fields.indexOf('task_id') + 1] ?? '';
            const queued = await reader.queuedAt(id);
            const share = Math.min(1, (first + index) / length);
            return { id: uuidOf(id), order: queued ? placeIn(queued.since, share) : (entryTime(entry) ?? 0) };
          }),
        );
      }
    },

    async *remembered() {
      const first = keys.remembered('');
      for await (const page of scanKeys(redis, `${first}*`, batchSize)) {
        const found = await Promise.all(
          page.map(async (key) => ({
            ownerAndKey: key.toString().slice(first.length),
            value: await redis.get(key).catch(() => null),
            remainingMs: await redis.pttl(key),
          })),
        );
        yield found.flatMap(({ value, ...rest }) =>
          value !== null && rest.remainingMs > 0 ? [{ ...rest, value }] : [],
        );
      }
    },

    async remove(tasks) {
      const own = tasks.flatMap(({ found, read }) =>
        found?.form === 'own' && 'task' in read ? [read.task.id] : [],
      );
      await mover.forget(own);
      const others = tasks.flatMap(({ found }) =>
        found === undefined || found.form === 'own' ? [] : [found.key],
      );
      if (others.length === 0) return;
      const ids = others.map((key) => key.subarray(Buffer.byteLength(keys.task(''))));
      await redis.unlink(...others);
      await redis.unlink(...ids.map((id) => Buffer.concat([Buffer.from(older.meta('')), id])));
      for (const name of olderQueueNames) await redis.zrem(older.queue(name), ...ids);
    },

    async sweep() {
      if (!(await isOlderStream(redis, older.stream))) return;
      for await (const entries of streamPages(redis, older.stream, batchSize)) {
        const ids = entries.map(([, fields]) => fields[fields.indexOf('task_id') + 1] ?? '');
        const kept = await Promise.all(ids.map((id) => redis.exists(keys.task(id))));
        const gone = entries.filter((_, index) => kept[index] === 0).map(([entry]) => entry);
        if (gone.length > 0) await redis.xdel(older.stream, ...gone);
      }
      if ((await redis.xlen(older.stream)) === 0) await redis.unlink(older.stream);
    },
  };
}

/**
 * A task's place in its queue, in milliseconds. The queue decides, as a task that was put back has an entry of long ago;
 * it says the second, and within that the stream's order counts: the share of its entries that come before this one.
 */
function placeIn(since: number, share: number): number {
  return Number.isInteger(since / 1000) ? since + 999 * share : since;
}

async function* streamPages(redis: RedisClient, name: string, count: number) {
  let from = '-';
  for (;;) {
    const entries = await redis.xrange(name, from, '+', 'COUNT', count);
    if (entries.length === 0) return;
    yield entries;
    from = `(${entries.at(-1)?.[0]}`;
  }
}

type FoundTask = SourceTask & { found: { key: Buffer; form: TaskKeyForm } };

function createReader({ redis, prefix, rules }: RedisSourceOptions) {
  const keys = createKeys(prefix);
  const older = createOlderKeys(prefix);

  /** In which of the older queues a task waits, and since when. Their score is minus the Unix seconds. */
  async function queuedAt(id: string): Promise<{ priority: Priority; since: number } | undefined> {
    const scores = await Promise.all(olderQueueNames.map((name) => redis.zscore(older.queue(name), id)));
    const at = scores.findIndex((score) => score !== null);
    const name = olderQueueNames[at];
    if (name === undefined) return undefined;
    return { priority: name.toUpperCase() as Priority, since: -1000 * Number(scores[at]) };
  }

  async function readText(key: Buffer, id: string): Promise<MigratedTask> {
    const [bytes, remainingMs] = await Promise.all([redis.getBuffer(key), redis.pttl(key)]);
    if (bytes === null) throw new UnfitTask('not_a_task', 'It went while it was being read');
    const text = textOf(bytes, 'Its record');
    if (isBasicRecord(text)) return taskFromBasic(text);
    const record = nested(text);
    if (!isObject(record)) throw new UnfitTask('unreadable_json', 'Its record is no JSON object');
    return taskFromOlder({ id, record, ...lifeLeft(remainingMs) }, rules);
  }

  async function readOlder(key: Buffer, id: string): Promise<MigratedTask> {
    const [fields, remainingMs, meta, queued] = await Promise.all([
      redis.hgetallBuffer(key),
      redis.pttl(key),
      redis.hgetall(older.meta(id)),
      queuedAt(id),
    ]);
    const record = texts(fields);
    return taskFromOlder({ id, record, meta, ...(queued && { queued }), ...lifeLeft(remainingMs) }, rules);
  }

  async function readOwn(key: Buffer, id: string): Promise<MigratedTask> {
    const [fields, content, notify, deadSince] = await Promise.all([
      redis.hgetallBuffer(key),
      redis.getBuffer(keys.content(id)),
      redis.get(keys.notice(id)),
      redis.zscore(keys.dead, id),
    ]);
    return taskFromFields(
      id,
      texts(fields) as Record<string, string>,
      content === null ? undefined : textOf(content, 'Its content'),
      {
        ...(notify !== null && { notify }),
        ...(deadSince !== null && { deadSince: Number(deadSince) }),
      },
    );
  }

  async function readAs(form: TaskKeyForm, key: Buffer): Promise<MigratedTask> {
    const id = textOf(key.subarray(Buffer.byteLength(keys.task(''))), 'Its key');
    const bytes = Number(await redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0));
    if (bytes > largestBytes)
      throw new UnfitTask('too_large', `It takes ${bytes} bytes, and ${largestBytes} are allowed`);
    if (form === 'text') return readText(key, id);
    if (form === 'older') return readOlder(key, id);
    if (form === 'own') return readOwn(key, id);
    throw new UnfitTask('not_a_task', 'What is stored there is no task');
  }

  return {
    queuedAt,

    async read(key: Buffer): Promise<FoundTask> {
      const form = await formOf(redis, key);
      const task = { name: printableName(key), found: { key, form } };
      if (form === 'gone') return { ...task, read: new UnfitTask('not_a_task', 'It is gone') };
      try {
        return { ...task, read: await readAs(form, key) };
      } catch (error) {
        return { ...task, read: unfitFrom(error) };
      }
    },
  };
}

/** A key without an end has lost it; one that is gone by now has none left. */
function lifeLeft(remainingMs: number) {
  return remainingMs === -1 ? {} : { remainingMs: Math.max(0, remainingMs) };
}

function texts(fields: Record<string, Buffer>): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, textOf(value, `Its field ${JSON.stringify(name)}`)]),
  );
}

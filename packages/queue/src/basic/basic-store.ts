import { type Priority, priorityNames, ServiceError, toServiceError } from '@musicgen/contract';
import { mostAtOnce } from '../admission.ts';
import type { KeptTask } from '../in-process/kept-task.ts';
import type { KeptQueue, TaskChange, TaskStore } from '../in-process/task-store.ts';
import { createKeys } from '../keys.ts';
import type { QueueEvents } from '../queue-events.ts';
import { scanKeys } from '../streams/older-data.ts';
import type { RedisClient } from '../streams/redis-client.ts';
import { redisUnavailable } from '../streams/redis-unavailable.ts';
import { checkServer, factsFromInfo } from '../streams/server-check.ts';
import { isBasicRecord, readBasicRecord, writeBasicRecord } from './basic-record.ts';
import type { ProcessLock } from './process-lock.ts';

export interface BasicStoreOptions {
  redis: RedisClient;
  prefix: string;
  lock: ProcessLock;
  events: () => QueueEvents;
}

/**
 * Writes some tasks as they stand, unless another process has taken over.
 * KEYS   1 generation · 2 erased · then for each task: its key, the key that says that it was removed
 * ARGV   1 our generation · then for each task: its id, its record or '', when its artifacts are due or ''
 * Returns  1 · 0 another process has taken over, or Redis has lost its data
 */
const writeScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for index = 2, #ARGV, 3 do
  local id, record, due = ARGV[index], ARGV[index + 1], ARGV[index + 2]
  local at = 3 + (index - 2) / 3 * 2
  if record ~= '' then
    redis.call('SET', KEYS[at], record)
  elseif redis.call('DEL', KEYS[at]) == 1 then
    redis.call('SET', KEYS[at + 1], '1', 'EX', '86400')
  end
  if due ~= '' then redis.call('HSET', KEYS[2], id, due) else redis.call('HDEL', KEYS[2], id) end
end
return 1
`;

/** KEYS 1 generation · 2 paused. ARGV 1 our generation · then the paused priorities. Returns as above */
const pauseScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if #ARGV > 1 then redis.call('SADD', KEYS[2], unpack(ARGV, 2)) end
return 1
`;

/**
 * Tasks as JSON texts under `musicgen:task:<id>` (`basic-record.ts`). They have no TTL of Redis's: what is past its time
 * goes with its artifacts, by the janitor of the process that finds it.
 */
export function createBasicStore({ redis, prefix, lock, events }: BasicStoreOptions): TaskStore {
  const keys = createKeys(prefix);

  async function writePage(changes: readonly TaskChange[]): Promise<void> {
    const taskKeys = changes.flatMap(({ id }) => [keys.task(id), keys.removed(id)]);
    const args = changes.flatMap(({ id, kept, artifactsDueAt = '' }) => [
      id,
      kept ? writeBasicRecord(kept) : '',
      artifactsDueAt,
    ]);
    const all = [keys.generation, keys.erased, ...taskKeys];
    const written = await redis.eval(writeScript, all.length, ...all, lock.generation(), ...args);
    if (written !== 1) throw notOurs();
  }

  /** The tasks of one page of keys. Every key must hold one of ours; what cannot be read stays where it is. */
  async function readPage(names: readonly string[]): Promise<KeptTask[]> {
    const texts = await redis.mget(...names);
    return texts.flatMap((text, index) => {
      const name = names[index] ?? '';
      if (text === null || !isBasicRecord(text)) throw foreignData(prefix, name);
      try {
        return [readBasicRecord(text)];
      } catch (error) {
        events().emit('duty:failed', { duty: `read ${name}`, error: toServiceError(error) });
        return [];
      }
    });
  }

  async function readAll(): Promise<KeptQueue> {
    if ((await redis.exists(keys.schema)) === 1) throw foreignData(prefix, keys.schema);
    const tasks = new Map<string, KeptTask>();
    for await (const page of scanKeys(redis, keys.task('*'), 1_000)) {
      for (const kept of await readPage(page.map(String))) tasks.set(kept.task.id, kept);
    }
    const [erased, paused] = await Promise.all([redis.hgetall(keys.erased), redis.smembers(keys.paused)]);
    return {
      tasks: [...tasks.values()],
      erased: Object.entries(erased).map(([id, due]) => ({ id, artifactsDueAt: Number(due) })),
      paused: priorityNames.filter((priority) => paused.includes(priority)),
    };
  }

  return answering({
    async open() {
      await checkServer({ redis, events: events() });
      // What is not ours is refused before the lock is waited for, and nothing of it is changed.
      await readAll();
      await lock.take();
      return readAll();
    },
    async write(changes) {
      for (let from = 0; from < changes.length; from += mostAtOnce) {
        await writePage(changes.slice(from, from + mostAtOnce));
      }
    },
    async writePaused(paused: readonly Priority[]) {
      const written = await redis.eval(
        pauseScript,
        2,
        keys.generation,
        keys.paused,
        lock.generation(),
        ...paused,
      );
      if (written !== 1) throw notOurs();
    },
    wasRemoved: async (id) => (await redis.exists(keys.removed(id))) === 1,
    server: async () => factsFromInfo(await redis.info()),
  });
}

/** Each call fails with `dependency_unavailable` when Redis does. */
function answering(store: TaskStore): TaskStore {
  const guarded = Object.entries(store).map(([name, call]) => [
    name,
    (...args: unknown[]) =>
      call(...args).catch((error: unknown) => {
        throw redisUnavailable('keep the tasks', error);
      }),
  ]);
  return Object.fromEntries(guarded);
}

function notOurs(): ServiceError {
  return new ServiceError(
    'dependency_unavailable',
    'The tasks in Redis are not those of this process any more: nothing was written',
  );
}

function foreignData(prefix: string, name: string): ServiceError {
  return new ServiceError(
    'dependency_unsupported',
    `Redis holds tasks under "${prefix}" that the basic kind did not write (the key "${name}"), from an older service or from the advanced kind; ` +
      'nothing was changed. Name another database or TASK_KEY_PREFIX, or leave USE_ADVANCED_REDIS at true; `npm run migrate` moves older tasks to the advanced kind (docs/migrating.md)',
  );
}

import { readdir } from 'node:fs/promises';
import { priorityNames } from '@musicgen/contract';
import type { StreamsQueue } from '@musicgen/queue';
import { openArtifactStore, taskKey } from '@musicgen/storage';
import type { Redis } from 'ioredis';
import type { HistoryWriter } from './history.ts';
import { settings } from './settings.ts';

const { prefix } = settings;
/** What stays however many tasks there were: streams without entries, counters, marks of queues. */
const permanentKeys = new Set([
  ...priorityNames.map((priority) => `${prefix}:stream:${priority}`),
  `${prefix}:stats`,
  `${prefix}:returned`,
  `${prefix}:outbox`,
  `${prefix}:schema`,
]);

export interface LeftoverOptions {
  redis: Redis;
  queue: StreamsQueue;
  artifacts: string;
  history: HistoryWriter;
}

/**
 * Lets every task reach the end of its time, cleans up, and puts what is still there then into the
 * history, and how much memory it takes. Call it when no other process uses the queue any more.
 */
export async function recordLeftovers({ redis, queue, artifacts, history }: LeftoverOptions): Promise<void> {
  await passTime(redis);
  const store = openArtifactStore(`file:${artifacts}`);
  const janitor = queue.createJanitor({
    removeArtifacts: (taskId) => store.remove(taskKey(taskId)),
    workerGoneMs: 0,
  });
  await janitor.clean();
  while ((await janitor.removeWorkers()) > 0);
  // Capped by its own length, and the checker has read it.
  await redis.del(`${prefix}:task:stream`);
  await janitor.tidyOutbox();

  for (const [key, detail] of [
    ...(await strayKeys(redis)),
    ...(await streamLeftovers(redis)),
    ...(await artifactLeftovers(artifacts)),
  ]) {
    history.write({ type: 'leftover', key, detail });
  }
  history.write({ type: 'memory:read', bytes: await memoryOf(redis, [...permanentKeys]) });
}

/** Makes everything due that is noted for later: the run cannot wait a day. */
async function passTime(redis: Redis): Promise<void> {
  const index = `${prefix}:expiry`;
  const due = await redis.zrange(index, '0', '-1');
  for (const minute of await redis.zrange(`${index}:minutes`, '0', '-1')) {
    due.push(...(await redis.lrange(`${index}:${minute}`, 0, -1)));
    await redis.del(`${index}:${minute}`);
  }
  await redis.del(`${index}:minutes`);
  for (const id of due) await redis.zadd(index, 0, id);
}

async function memoryOf(redis: Redis, keys: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const key of keys) bytes += Number((await redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0')) ?? 0);
  return bytes;
}

type Found = [key: string, detail: string][];

async function strayKeys(redis: Redis): Promise<Found> {
  const found: Found = [];
  for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1000 }) as AsyncIterable<
    string[]
  >) {
    for (const key of keys) {
      if (permanentKeys.has(key)) continue;
      if ((await redis.ttl(key)) === -1) found.push([key, 'stays for ever']);
      // The others go by themselves, in a day at the latest.
      else await redis.del(key);
    }
  }
  return found;
}

async function streamLeftovers(redis: Redis): Promise<Found> {
  const found: Found = [];
  const streams = [
    ...priorityNames.map((priority) => [`${prefix}:stream:${priority}`, 'workers'] as const),
    [`${prefix}:outbox`, 'webhooks'] as const,
  ];
  for (const [key, group] of streams) {
    const entries = await redis.xlen(key);
    if (entries > 0) found.push([key, `${entries} entries`]);
    const consumers = (await redis.xinfo('CONSUMERS', key, group)) as [string, string][];
    const strays = consumers.map(([, name]) => name).filter((name) => name !== 'returned');
    if (strays.length > 0) found.push([key, `consumers ${strays.join(' ')}`]);
  }
  return found;
}

async function artifactLeftovers(artifacts: string): Promise<Found> {
  const files = await readdir(artifacts, { recursive: true, withFileTypes: true }).catch(() => []);
  return files.filter((file) => file.isFile()).map((file) => [file.parentPath, 'an artifact without a task']);
}

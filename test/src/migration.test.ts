import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { priorityNames } from '@musicgen/contract';
import { createStreamsQueue, type MigrationReport, type TaskRecord } from '@musicgen/queue';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';
import { migrateOlderTasks } from './migration/migrate-older-tasks.ts';
import { createFleet, type Fleet, root } from './processes.ts';

let server: RedisServer;
let fleet: Fleet;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no', databases: '32' } });
  fleet = await createFleet(server.url);
});
afterAll(async () => {
  await fleet.stop();
  await server.stop();
});

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs Node. */
async function run(args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, args, {
    cwd: fleet.folder,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, stdout, stderr };
}

const place = (database: number, kind = 'redis-advanced') => `${kind}://127.0.0.1:${server.port}/${database}`;

async function inDatabase<Value>(database: number, use: (redis: Redis) => Promise<Value>): Promise<Value> {
  const redis = new Redis(server.url, { db: database });
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

const statuses = ['pending', 'queued', 'processing', 'completed', 'failed', 'cancelled'];
const tasks = 240;

/** Two hours ago, at the beginning of a minute. */
const start = Math.floor(Date.now() / 60_000 - 120) * 60;

/** What the older service's advanced kind has after a while: tasks of every status and priority, each with its end. */
async function writeOlderTasks(redis: Redis): Promise<void> {
  const pipeline = redis.pipeline();
  for (let index = 0; index < tasks; index++) {
    const id = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
    const status = statuses[index % statuses.length] ?? '';
    const priority = priorityNames[(index * 7) % 4] ?? 'NORMAL';
    const at = start + Math.floor(index / 3);
    const created_at = new Date(at * 1000).toISOString().slice(0, -5);
    const request = `{'prompt': 'piece ${index}', 'duration': 5, 'mood': None}`;
    const outcome =
      status === 'completed'
        ? { result: `{'seconds': ${index}}` }
        : status === 'failed'
          ? { error: 'out of memory' }
          : {};
    pipeline.hset(`musicgen:task:${id}`, { task_id: id, status, priority, request, created_at, ...outcome });
    // In the middle of a minute: clocks may be read a little apart.
    pipeline.expireat(`musicgen:task:${id}`, start + 86_430 + 60 * index);
    pipeline.hset(`musicgen:task:meta:${id}`, { task_id: id, priority, created_at, ttl: '86400' });
    pipeline.xadd(
      'musicgen:task:stream',
      `${at}000-${index}`,
      'task_id',
      id,
      'priority',
      priority,
      'created_at',
      created_at,
    );
    if (status === 'pending' || status === 'queued')
      pipeline.zadd(`musicgen:queue:${priority.toLowerCase()}`, -at, id);
  }
  await pipeline.exec();
}

/** All that a migration makes, but for what is counted from the moment at which it is made. */
async function stateOf(redis: Redis) {
  const queue = createStreamsQueue({ redis });
  const records: Partial<TaskRecord>[] = [];
  let cursor: string | undefined;
  do {
    const page = await queue.createAdmin().everyTask({ limit: 100, ...(cursor !== undefined && { cursor }) });
    for (const { expiresAt, ...task } of page.tasks)
      records.push({ ...task, expiresAt: Math.floor(expiresAt / 60_000) });
    cursor = page.next;
  } while (cursor !== undefined);
  const monitor = queue.createMonitor();
  return {
    records: records.sort((a, b) => String(a.id).localeCompare(String(b.id))),
    waiting: await Promise.all(
      priorityNames.map((name) => redis.zrange(`musicgen:queue:${name}`, '0', '-1')),
    ),
    claimable: await Promise.all(priorityNames.map((name) => redis.xlen(`musicgen:stream:${name}`))),
    owned: await redis.zrange('musicgen:owned:', '0', '-1', 'WITHSCORES'),
    counts: await monitor.counts(),
    existing: await monitor.existing(),
    heldBack: [await redis.exists('musicgen:parked', 'musicgen:delayed'), await monitor.delayed()],
    repaired: await queue.createReconciler().reconcile(),
  };
}

/** The same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

/** How far a migration has come: keys set aside, tasks brought, tasks let into their queues. */
async function progressOf(redis: Redis): Promise<number> {
  const [aside, came, ...released] = await Promise.all([
    redis.keys('musicgen:older:task:*'),
    redis.scard('musicgen:migrated'),
    ...priorityNames.map((name) => redis.xlen(`musicgen:stream:${name}`)),
  ]);
  return aside.length / 2 + came + released.reduce((sum, length) => sum + length, 0);
}

/** A migration from one database to another, or in place. */
function migrateDatabase(source: number, target: number): Promise<MigrationReport> {
  return inDatabase(source, (from) =>
    inDatabase(target, (to) => migrateOlderTasks(from, to, { verify: true, batchSize: 100 })),
  );
}

/** The same as a process of its own, which kills itself after so many commands, or prints how many there were. */
function runMigration(source: number, target: number, commands = Number.POSITIVE_INFINITY): Promise<Outcome> {
  const entry = join(root, 'test/dist/migration/migrate-process.js');
  return run([entry, place(source, 'redis'), place(target, 'redis'), String(commands)]);
}

test('killed at ten random points and run again, it ends as one that nobody disturbed, in place too', async () => {
  await inDatabase(1, writeOlderTasks);
  expect(await migrateDatabase(1, 2)).toMatchObject({ total: tasks, migrated: tasks, verified: tasks });
  const undisturbed = await inDatabase(2, stateOf);
  expect(undisturbed.counts).toEqual({
    pending: 120,
    processing: 0,
    completed: 40,
    failed: 40,
    cancelled: 40,
    expired: 0,
  });
  expect(undisturbed).toMatchObject({ repaired: 0, heldBack: [0, 0] });

  await inDatabase(4, writeOlderTasks);
  const [elsewhere, inPlace] = await Promise.all([runMigration(1, 3), runMigration(4, 4)]);
  const random = randomFrom(7);
  const killedAt: number[] = [];
  for (let round = 0; round < 10; round++) {
    const target = 5 + round;
    const isInPlace = round % 2 === 1;
    if (isInPlace) await inDatabase(target, writeOlderTasks);
    const source = isInPlace ? target : 1;
    const commands = Number((isInPlace ? inPlace : elsewhere).stdout);
    const { code } = await runMigration(source, target, 1 + Math.floor(random() * commands));
    expect({ round, code }).toEqual({ round, code: null });
    killedAt.push(await inDatabase(target, progressOf));
    const whole = { total: tasks, verified: tasks, failed: 0, skipped: 0 };
    expect(await migrateDatabase(source, target)).toMatchObject(whole);
    expect({ round, state: await inDatabase(target, stateOf) }).toEqual({ round, state: undisturbed });
  }
  expect(new Set(killedAt).size).toBeGreaterThan(5);
}, 360_000);

test('from a running process through its export, under the name of the older guide, on this version of Node', async () => {
  const api = await fleet.startApi({ REDIS_URL: `${server.url}/20` });
  await api.process.untilLogged('ready');
  const ids = await Promise.all(
    ['one', 'two', 'three'].map(async (prompt) => {
      const answer = await fetch(`${api.url}/api/v1/generate`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ prompt }),
      });
      expect(answer.status).toBe(202);
      return ((await answer.json()) as { id: string }).id;
    }),
  );
  const source = api.url.replace('http:', 'memory:');
  const script = join(root, 'scripts/migrate_tasks_to_redis.ts');
  const args = ['--source', source, '--target', place(21), '--verify', '--json'];
  const { code, stdout, stderr } = await run([script, ...args]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(JSON.parse(stdout)).toMatchObject({ total: 3, migrated: 3, verified: 3, source });
  const state = await inDatabase(21, stateOf);
  expect(state.records.map(({ id }) => id)).toEqual(ids.sort());
  expect(state.repaired).toBe(0);
}, 120_000);

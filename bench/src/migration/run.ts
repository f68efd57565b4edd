import { execFile } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { priorityNames } from '@musicgen/contract';
import { startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';
import { type Row, ratioOf, tableText } from '../table.ts';

const entry = fileURLToPath(new URL('../../dist/migration/migrate-process.js', import.meta.url));
const statuses = ['queued', 'completed', 'pending', 'failed'];

interface Measured {
  migrated: number;
  verified: number;
  migrateSeconds: number;
  verifySeconds: number;
  peakMegabytes: number;
}

/** How fast tasks of the older advanced kind come over, and whether ten times as many take more memory. */
export async function benchMigration({ tasks }: { tasks: number }): Promise<Row[]> {
  const server = await startRedisServer({ settings: { databases: '4' } });
  try {
    console.log(
      `${cpus().length} processors, load ${loadavg()[0]?.toFixed(1)}, ${process.version}, append-only file every second`,
    );
    const few = await measure(server.url, tasks / 10);
    const many = await measure(server.url, tasks);
    const rows = rowsOf(few, many);
    console.log(tableText(rows, { ours: `${many.migrated} tasks`, peer: `${few.migrated} tasks` }));
    return rows;
  } finally {
    await server.stop();
  }
}

async function measure(url: string, tasks: number): Promise<Measured> {
  const redis = new Redis(`${url}/1`);
  await redis.flushall();
  for (let from = 0; from < tasks; from += 1000)
    await writeOlderTasks(redis, from, Math.min(from + 1000, tasks));
  redis.disconnect();
  const { stdout } = await promisify(execFile)(process.execPath, [entry, `${url}/1`, `${url}/2`]);
  const measured = JSON.parse(stdout) as Measured;
  if (measured.verified !== tasks)
    throw new Error(`Only ${measured.verified} of ${tasks} tasks are in the target`);
  return measured;
}

async function writeOlderTasks(redis: Redis, from: number, to: number): Promise<void> {
  const pipeline = redis.pipeline();
  const start = Math.floor(Date.now() / 1000) - 3600;
  for (let index = from; index < to; index++) {
    const id = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
    const priority = priorityNames[index % 4] ?? 'NORMAL';
    const status = statuses[Math.floor(index / 4) % 4] ?? '';
    const at = start + Math.floor(index / 50);
    const created_at = new Date(at * 1000).toISOString().slice(0, -1);
    const request = `{'prompt': '${'a calm piano over soft rain '.repeat(10)}', 'duration': 30.0, 'temperature': 1.0, 'style': None}`;
    pipeline.hset(`musicgen:task:${id}`, {
      task_id: id,
      status,
      priority,
      request,
      created_at,
      metadata: '{}',
    });
    pipeline.expire(`musicgen:task:${id}`, 86_400);
    pipeline.hset(`musicgen:task:meta:${id}`, { task_id: id, priority, created_at, ttl: '86400' });
    pipeline.xadd('musicgen:task:stream', '*', 'task_id', id, 'priority', priority, 'created_at', created_at);
    if (status === 'queued' || status === 'pending')
      pipeline.zadd(`musicgen:queue:${priority.toLowerCase()}`, -at, id);
  }
  await pipeline.exec();
}

function rowsOf(few: Measured, many: Measured): Row[] {
  const row = (
    name: string,
    ours: number,
    peer: number,
    target: number | undefined,
    better: Row['better'],
  ): Row => ({
    name,
    ours,
    peer,
    ratio: ratioOf(ours, peer),
    target,
    better,
  });
  const speed = ({ migrated }: Measured, seconds: number) => migrated / seconds;
  return [
    row('seconds to migrate', many.migrateSeconds, few.migrateSeconds, undefined, 'lower'),
    row('seconds to compare', many.verifySeconds, few.verifySeconds, undefined, 'lower'),
    row(
      'tasks migrated a second',
      speed(many, many.migrateSeconds),
      speed(few, few.migrateSeconds),
      undefined,
      'higher',
    ),
    row(
      'tasks compared a second',
      speed(many, many.verifySeconds),
      speed(few, few.verifySeconds),
      undefined,
      'higher',
    ),
    row(
      'most memory of the process, MB',
      many.peakMegabytes,
      few.peakMegabytes,
      few.peakMegabytes * 1.25,
      'lower',
    ),
  ];
}

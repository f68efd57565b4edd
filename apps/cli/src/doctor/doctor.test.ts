import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { createStreamsQueue, patientRedisOptions, type StreamsQueue } from '@musicgen/queue';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';
import { type CommandLine, createCommandLine } from '../test-setup.ts';
import type { CheckResult } from './check.ts';
import { judgeSkew } from './server-checks.ts';

let server: RedisServer;
let cli: CommandLine;
beforeAll(async () => {
  server = await startRedisServer();
  cli = await createCommandLine({ API_PORT: '0', WORKER_HEALTH_PORT: '0' });
});
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await server.stop();
});

async function examine(env: Record<string, string>) {
  const { code, stdout, stderr } = await cli.run(['doctor', '--json'], { env });
  if (stdout === '') throw new Error(stderr);
  const { status, checks } = JSON.parse(stdout) as { status: string; checks: CheckResult[] };
  const statuses = Object.fromEntries(checks.map((check) => [check.name, check.status]));
  const of = (name: string) => checks.find((check) => check.name === name);
  return { code, status, statuses, of, checks };
}

async function withQueue(work: (queue: StreamsQueue, redis: Redis, prefix: string) => Promise<void>) {
  const redis = new Redis(server.url, patientRedisOptions);
  const prefix = `test-${randomUUID()}`;
  try {
    await work(createStreamsQueue({ redis, prefix }), redis, prefix);
  } finally {
    redis.disconnect();
  }
}

function enqueue(queue: StreamsQueue) {
  return queue.createProducer().enqueue({
    id: randomUUID(),
    priority: 'LOW',
    request: {},
    ttlSeconds: 3600,
    maxAttempts: 1,
  });
}

test('a healthy service is told so in one line a check', async () => {
  await withQueue(async (queue, _redis, prefix) => {
    await queue.prepare();
    await queue.createJanitor().clean();
    const consumer = queue.createConsumer({
      workerId: 'one',
      priorities: ['CRITICAL', 'HIGH', 'NORMAL', 'LOW'],
    });
    await consumer.describe({ slots: 1, priorities: ['CRITICAL', 'HIGH', 'NORMAL', 'LOW'], models: [] });
    const env = { REDIS_URL: server.url, TASK_KEY_PREFIX: prefix };
    const { code, stdout, stderr } = await cli.run(['doctor'], { env });
    await consumer.close();
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split(/ {2,}/).slice(0, 2).join(' '))).toEqual([
      'ok node',
      'ok settings',
      'ok redis',
      'ok version',
      'ok eviction',
      'ok persistence',
      'ok memory',
      'ok clock',
      'ok streams',
      'ok tasks',
      'ok workers',
      'ok maintenance',
      'ok store',
      'ok disk',
      'ok models',
      'ok API port',
      'ok worker port',
    ]);
    expect(stdout).toMatch(/^ok {2}models {7}musicgen-micro \(fp32, 9\.4\d MB\)$/m);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '17 checks, 0 failed, 0 with a warning.\n' });
  });
});

test('a server that would lose tasks fails, with what to set', async () => {
  const careless = await startRedisServer({
    settings: { appendonly: 'no', 'maxmemory-policy': 'allkeys-lru', maxmemory: '1mb' },
  });
  const { code, status, statuses, of } = await examine({ REDIS_URL: careless.url });
  await careless.stop();
  expect({ code, status }).toEqual({ code: 1, status: 'failed' });
  expect(statuses).toMatchObject({
    redis: 'ok',
    eviction: 'failed',
    persistence: 'failed',
    memory: 'failed',
    maintenance: 'skipped',
    workers: 'warning',
  });
  expect(of('eviction')?.remedy).toBe('Set maxmemory-policy noeviction.');
  expect(of('persistence')?.remedy).toBe('Set appendonly yes.');
});

test('a replica and a server that wants a password are told apart from one that is away', async () => {
  const replica = await startRedisServer({ settings: { replicaof: '127.0.0.1 1' } });
  const locked = await startRedisServer({ settings: { requirepass: 'secret' } });
  const [ofReplica, ofLocked, locksOut] = await Promise.all([
    examine({ REDIS_URL: replica.url }),
    examine({ REDIS_URL: locked.url.replace('//', '//:wrong-secret@') }),
    examine({ REDIS_URL: locked.url }),
  ]);
  await Promise.all([replica.stop(), locked.stop()]);
  const away = await examine({ REDIS_URL: locked.url });

  expect(ofReplica.of('redis')).toMatchObject({ status: 'failed', remedy: 'Set REDIS_URL to its master.' });
  expect(ofLocked.of('redis')).toMatchObject({
    status: 'failed',
    detail: expect.stringContaining('WRONGPASS'),
  });
  expect(ofLocked.of('redis')?.remedy).toContain('password');
  expect(JSON.stringify(ofLocked.checks)).not.toContain('secret');
  expect(locksOut.of('redis')).toMatchObject({
    status: 'failed',
    remedy: expect.stringContaining('password'),
  });
  expect(away.of('redis')).toMatchObject({
    status: 'failed',
    detail: expect.stringContaining('ECONNREFUSED'),
    remedy: expect.stringContaining('Start Redis 7'),
  });
  expect(away.code).toBe(1);
  expect(away.statuses).toMatchObject({
    version: 'skipped',
    clock: 'skipped',
    streams: 'skipped',
    store: 'ok',
  });
});

test('lost entries, a lost group, tasks that no worker serves and foreign keys are each found', async () => {
  await withQueue(async (queue, redis, prefix) => {
    const env = { REDIS_URL: server.url, TASK_KEY_PREFIX: prefix };
    await queue.prepare();
    await enqueue(queue);
    const stranded = await examine(env);
    expect(stranded.statuses).toMatchObject({ streams: 'ok', workers: 'failed', maintenance: 'skipped' });
    expect(stranded.of('workers')?.remedy).toContain('LOW');

    await queue.createAdmin().pause('LOW');
    await redis.xgroup('DESTROY', `${prefix}:stream:HIGH`, 'workers');
    await redis.hset(`${prefix}:stats`, 'cleanedAt', Date.now() - 3_600_000);
    const damaged = await examine(env);
    expect(damaged.statuses).toMatchObject({ streams: 'failed', tasks: 'warning', maintenance: 'warning' });
    expect(damaged.of('streams')?.detail).toContain('HIGH');

    await redis.del(`${prefix}:stream:LOW`);
    expect((await examine(env)).of('streams')?.detail).toMatch(/^1 tasks wait without an entry/);
    await redis.set(`${prefix}:stream:LOW`, 'of another program');
    expect((await examine(env)).of('streams')).toMatchObject({
      status: 'failed',
      remedy: expect.stringContaining('TASK_KEY_PREFIX'),
    });
  });
});

test('a broken model, a store that cannot be written, taken ports and mistyped names are found', async () => {
  const http = createServer((_req, res) => res.end('hello')).listen(0, '127.0.0.1');
  const silent = createTcpServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await Promise.all([http, silent].map((open) => new Promise((resolve) => open.once('listening', resolve))));
  const portOf = (open: typeof silent) => String((open.address() as AddressInfo).port);
  await mkdir(join(cli.folder, 'empty'));
  await writeFile(join(cli.folder, 'a-file'), '');
  const { statuses, of } = await examine({
    REDIS_URL: server.url,
    MODEL_PATH: join(cli.folder, 'empty'),
    ARTIFACT_URL: `file:${join(cli.folder, 'a-file')}`,
    API_PORT: portOf(http),
    WORKER_HEALTH_PORT: portOf(silent),
    WORKER_PRIORITY: 'LOW',
  });
  http.close();
  silent.close();
  expect(statuses).toMatchObject({
    models: 'failed',
    store: 'failed',
    'API port': 'failed',
    'worker port': 'failed',
    settings: 'warning',
  });
  const parent = await examine({ ARTIFACT_URL: `file:${join(cli.folder, 'a-file', 'audio')}` });
  expect(parent.statuses.store).toBe('failed');
  expect(of('models')?.detail).toContain('config.json is missing');
  expect(of('API port')?.remedy).toContain('API_PORT');
  expect(of('settings')?.remedy).toContain('WORKER_PRIORITY to WORKER_PRIORITIES');
});

test('wrong values end it before anything is looked at, all of them named', async () => {
  const { code, stderr } = await cli.run(['doctor'], { env: { REDIS_URL: 'http://x', API_PORT: 'eighty' } });
  expect(code).toBe(78);
  expect(stderr).toMatch(/REDIS_URL: must be.*API_PORT: must be/s);
});

test('clocks are judged by what they are surely off', () => {
  expect(judgeSkew({ ms: -900, uncertainMs: 1 }).status).toBe('ok');
  expect(judgeSkew({ ms: 5_000, uncertainMs: 4_500 }).status).toBe('ok');
  expect(judgeSkew({ ms: -5_000, uncertainMs: 1 })).toMatchObject({
    status: 'warning',
    detail: 'The clock of Redis is 5.0 s behind the one here.',
  });
  expect(judgeSkew({ ms: 40_000, uncertainMs: 1 }).status).toBe('failed');
});

test('of tasks that run inside one process it says where to look, and looks for no streams', async () => {
  const { statuses, of } = await examine({ REDIS_URL: server.url, USE_ADVANCED_REDIS: 'false' });
  expect(statuses).toMatchObject({ redis: 'ok', tasks: 'skipped' });
  expect(statuses).not.toHaveProperty('streams');
  expect(of('tasks')?.detail).toContain('/api/v1/monitoring');
});

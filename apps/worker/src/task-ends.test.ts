import { randomUUID } from 'node:crypto';
import { createStreamsQueue, type NewTask, patientRedisOptions } from '@musicgen/queue';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { countTaskEnds, createRegistry, observeRedis } from '@musicgen/service';
import { Redis } from 'ioredis';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

function setup() {
  const redis = new Redis(server.url, patientRedisOptions);
  const prefix = `test-${randomUUID()}`;
  const registry = createRegistry({ role: 'worker', version: '0' });
  observeRedis(registry, redis);
  const queue = createStreamsQueue({ redis, prefix });
  countTaskEnds(registry, queue.events);
  const producer = queue.createProducer();
  const consumer = queue.createConsumer({ workerId: 'one', priorities: ['HIGH', 'LOW'] });
  return {
    redis,
    prefix,
    queue,
    producer,
    consumer,
    async enqueue(task: Partial<NewTask> = {}) {
      const id = randomUUID();
      const request = {};
      await producer.enqueue({ id, priority: 'HIGH', request, ttlSeconds: 60, maxAttempts: 1, ...task });
      return id;
    },
    /** The value of each series that is not 0. */
    async counted() {
      const lines = (await registry.metrics())
        .split('\n')
        .filter((line) => /^musicgen_(task|cancel)/.test(line));
      return lines.filter((line) => !line.endsWith(' 0') && !line.includes('_bucket'));
    },
    lines: async () => (await registry.metrics()).split('\n'),
    async [Symbol.asyncDispose]() {
      await consumer.close();
      redis.disconnect();
    },
  };
}

test('tasks that callers and background duties end are counted where that happens', async () => {
  await using context = setup();
  const { queue, producer, consumer, redis, prefix, enqueue } = context;
  await queue.prepare();
  await producer.cancel(await enqueue());
  await producer.erase(await enqueue({ priority: 'LOW' }));
  const expired = await enqueue({ priority: 'LOW' });
  await redis.zadd(`${prefix}:expiry`, 1, expired);
  await queue.createJanitor().clean();
  await enqueue({ priority: 'LOW', ttlSeconds: 0 });
  expect(await consumer.claim()).toBeUndefined();

  const running = await enqueue();
  const claim = await consumer.claim();
  if (claim === undefined) throw new Error('There was nothing to claim');
  await producer.cancel(running);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(await consumer.acknowledgeCancel(claim)).toBe('cancelled');

  for (const maxStalls of [1, 0]) {
    if (maxStalls === 1) await enqueue();
    await consumer.claim();
    await queue.createRecoverer({ leaseMs: 0, maxStalls }).recover();
  }
  const [unreadable, foreign] = [await enqueue({ priority: 'LOW' }), await enqueue({ priority: 'LOW' })];
  await redis.hset(`${prefix}:task:${unreadable}`, 'maxAttempts', 'many');
  await redis.del(`${prefix}:task:${foreign}`);
  await redis.set(`${prefix}:task:${foreign}`, 'not a hash');
  expect(await consumer.claim()).toBeUndefined();
  const counted = await context.counted();
  const latency = counted.filter((line) => line.startsWith('musicgen_cancel_latency_seconds'));
  expect(counted.filter((line) => !latency.includes(line)).sort()).toEqual([
    'musicgen_task_requeues_total{reason="lease_lapsed"} 1',
    'musicgen_tasks_dead_lettered_total{reason="corrupt_record"} 2',
    'musicgen_tasks_dead_lettered_total{reason="worker_lost"} 1',
    'musicgen_tasks_finished_total{priority="HIGH",status="cancelled"} 2',
    'musicgen_tasks_finished_total{priority="HIGH",status="failed"} 1',
    'musicgen_tasks_finished_total{priority="LOW",status="cancelled"} 1',
    'musicgen_tasks_finished_total{priority="LOW",status="expired"} 2',
    'musicgen_tasks_finished_total{priority="LOW",status="failed"} 2',
  ]);
  expect(latency).toContain('musicgen_cancel_latency_seconds_count 1');
  const seconds = Number(latency.find((line) => line.includes('_sum'))?.split(' ')[1]);
  expect(seconds).toBeGreaterThan(0.05);
  expect(seconds).toBeLessThan(10);
});

test('commands are measured by what they are for, and those that fail are counted', async () => {
  await using context = setup();
  const { redis, enqueue } = context;
  await redis.ping();
  await enqueue();
  await redis.set('text', 'a');
  await expect(redis.incr('text')).rejects.toThrow();
  const lines = await context.lines();
  const countOf = (series: string) =>
    Number(lines.find((line) => line.startsWith(`${series} `))?.split(' ')[1]);
  expect(countOf('musicgen_redis_command_duration_seconds_count{group="script"}')).toBeGreaterThan(0);
  expect(countOf('musicgen_redis_command_duration_seconds_count{group="server"}')).toBeGreaterThan(0);
  expect(countOf('musicgen_redis_errors_total{group="command"}')).toBe(1);
  expect(countOf('musicgen_redis_errors_total{group="script"}')).toBe(0);
});

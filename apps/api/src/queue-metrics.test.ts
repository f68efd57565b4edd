import { spawnSync } from 'node:child_process';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createRegistry } from '@musicgen/service';
import request from 'supertest';
import { createEstimator } from './estimate/estimator.ts';
import { seedHistory } from './monitoring/test-setup.ts';
import { observeQueue } from './queue-metrics.ts';
import { createTestApp, submit, type TestApp } from './test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  // As the service wants it, but for waiting for a disk that may be busy.
  server = await startRedisServer({ settings: { appendfsync: 'no' } });
});
afterAll(() => server.stop());

function observed({ queue }: TestApp) {
  const registry = createRegistry({ role: 'api', version: '0' });
  const monitor = queue.createMonitor();
  observeQueue(registry, { monitor, estimator: createEstimator({ monitor, refreshMs: 0 }), capacity: 100 });
  return registry;
}

/** The lines of our metrics, without comments. */
const samples = (text: string) => text.split('\n').filter((line) => line.startsWith('musicgen_'));

test('what the fleet shares is read when it is asked for', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  await seedHistory(context);
  const lines = samples(await observed(context).metrics());
  expect(lines).toEqual(
    expect.arrayContaining([
      'musicgen_queue_stats_up 1',
      'musicgen_queue_tasks{priority="HIGH",state="queued"} 2',
      'musicgen_queue_tasks{priority="NORMAL",state="processing"} 1',
      'musicgen_queue_tasks{priority="LOW",state="processing"} 0',
      'musicgen_queue_tasks{state="delayed"} 0',
      'musicgen_queue_backlog_audio_seconds{priority="HIGH"} 20',
      'musicgen_queue_oldest_task_age_seconds{priority="CRITICAL"} 0',
      'musicgen_queue_estimated_wait_seconds{priority="CRITICAL"} 0',
      'musicgen_queue_paused{priority="LOW"} 0',
      'musicgen_queue_capacity 100',
      'musicgen_dead_letter_tasks 1',
      'musicgen_workers_live{state="busy"} 1',
      'musicgen_workers_live{state="draining"} 0',
      'musicgen_workers_slots 2',
      'musicgen_redis_safe 1',
    ]),
  );
});

test('without Redis no old number is shown', async () => {
  const ownServer = await startRedisServer();
  await using context = await createTestApp({ redisUrl: ownServer.url });
  await seedHistory(context);
  const registry = observed(context);
  expect(samples(await registry.metrics())).toContain('musicgen_dead_letter_tasks 1');
  await ownServer.stop();
  await registry.metrics();
  const lines = samples(await lastingly(registry));
  expect(lines).toContain('musicgen_queue_stats_up 0');
  const shown = lines.filter(
    (line) => /^musicgen_(queue|dead|workers|redis)/.test(line) && !line.endsWith(' Nan'),
  );
  expect(shown).toEqual(['musicgen_queue_stats_up 0']);
});

/** What is shown once the last look at the queue is too old to be shown. */
async function lastingly(registry: ReturnType<typeof observed>): Promise<string> {
  for (;;) {
    const text = await registry.metrics();
    if (text.includes('musicgen_queue_stats_up 0')) return text;
  }
}

const promtool = spawnSync('promtool', ['--version']).status === 0;

(promtool ? test : test.skip)('promtool has nothing to complain about', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  await seedHistory(context);
  await submit(context, { prompt: 'lofi' });
  await submit(context, { prompt: '' });
  const own = (await request(context.app).get('/metrics')).text;
  for (const input of [own, await observed(context).metrics()]) {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input });
    expect([status, String(stdout), String(stderr)]).toEqual([0, '', '']);
  }
});

import { spawnSync } from 'node:child_process';
import type { TaskResult } from '@musicgen/contract';
import type { TaskRecord } from '@musicgen/queue';
import { createRegistry } from '@musicgen/service';
import { createWorkerMetrics } from './metrics.ts';

function setup() {
  const registry = createRegistry({ role: 'worker', version: '0' });
  const metrics = createWorkerMetrics(registry);
  const lines = async () => (await registry.metrics()).split('\n').filter((line) => !line.startsWith('#'));
  return { metrics, lines, registry };
}

const claimedAt = 1_000_000;
const task: TaskRecord = {
  id: 'a',
  status: 'processing',
  priority: 'HIGH',
  request: {},
  attempt: 1,
  maxAttempts: 3,
  stalls: 0,
  createdAt: claimedAt - 6_000,
  updatedAt: claimedAt,
  expiresAt: claimedAt + 60_000,
};
const result = {
  model: 'micro',
  duration: 8,
  format: 'wav',
  bytes: 100,
  timings: { generating: 3 },
} as unknown as TaskResult;

test('an estimate that was a quarter off is counted as that, under the priority of its task', async () => {
  const { metrics, lines } = setup();
  metrics.taskCompleted({ task: { ...task, expectedMs: 7_500 }, result, seconds: 4 });
  metrics.taskCompleted({ task, result, seconds: 4 });
  expect(await lines()).toEqual(
    expect.arrayContaining([
      'musicgen_task_eta_error_ratio_sum{priority="HIGH"} 0.25',
      'musicgen_task_eta_error_ratio_count{priority="HIGH"} 1',
      'musicgen_task_eta_error_ratio_bucket{le="0.2",priority="HIGH"} 0',
      'musicgen_task_eta_error_ratio_bucket{le="0.3",priority="HIGH"} 1',
      'musicgen_task_end_to_end_duration_seconds_sum{priority="HIGH"} 20',
    ]),
  );
});

test('the age of the longest attempt is asked for when it is shown', async () => {
  const { metrics, lines } = setup();
  expect(await lines()).toContain('musicgen_worker_current_task_age_seconds 0');
  metrics.watchAttempts(() => 12.5);
  expect(await lines()).toContain('musicgen_worker_current_task_age_seconds 12.5');
});

test('every combination of labels is there from the start', async () => {
  expect(await setup().lines()).toEqual(
    expect.arrayContaining([
      'musicgen_task_eta_error_ratio_count{priority="LOW"} 0',
      'musicgen_task_queue_wait_seconds_count{priority="CRITICAL"} 0',
      'musicgen_audio_encode_duration_seconds_count{format="flac"} 0',
      'musicgen_tasks_dead_lettered_total{reason="engine_crashed"} 0',
      'musicgen_task_failures_total{model="other",reason="model_unavailable"} 0',
      'musicgen_worker_engine_restarts_total{reason="task_cancelled"} 0',
      'musicgen_task_requeues_total{reason="lease_lapsed"} 0',
      'musicgen_tasks_finished_total{priority="NORMAL",status="expired"} 0',
    ]),
  );
});

const promtool = spawnSync('promtool', ['--version']).status === 0;

(promtool ? test : test.skip)('promtool has nothing to complain about', async () => {
  const { metrics, registry } = setup();
  metrics.taskClaimed(task);
  metrics.taskCompleted({ task: { ...task, expectedMs: 7_500 }, result, seconds: 4 });
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: await registry.metrics(),
  });
  expect([status, String(stdout), String(stderr)]).toEqual([0, '', '']);
});

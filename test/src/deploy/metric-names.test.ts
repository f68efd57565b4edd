import { spawnSync } from 'node:child_process';
import { startRedisServer } from '@musicgen/redis-server';
import { createFleet } from '../processes.ts';
import { readProjectFile } from './deploy-files.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(120_000);

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

const files = [
  'deploy/grafana/dashboards/musicgen.json',
  'deploy/prometheus/rules.yml',
  'deploy/prometheus/alerts.yml',
];

/** What an operator of such a service counts on, by who exports it. */
const promised = {
  api: [
    'http_requests_total',
    'http_request_duration_seconds',
    'http_sse_connections',
    'tasks_submitted_total',
    'tasks_rejected_total',
    'idempotent_replays_total',
    'queue_tasks',
    'queue_capacity',
    'queue_oldest_task_age_seconds',
    'queue_backlog_audio_seconds',
    'queue_estimated_wait_seconds',
    'queue_stats_up',
    'dead_letter_tasks',
    'workers_live',
    'rendition_duration_seconds',
    'webhook_deliveries_total',
    'webhook_delivery_duration_seconds',
    'webhook_stats_up',
    'pipeline_heartbeat_timestamp_seconds',
  ],
  worker: [
    'task_failures_total',
    'task_retries_total',
    'task_queue_wait_seconds',
    'task_processing_duration_seconds',
    'task_end_to_end_duration_seconds',
    'task_stage_duration_seconds',
    'task_real_time_factor_ratio',
    'task_eta_error_ratio',
    'decoder_steps_total',
    'audio_generated_seconds_total',
    'audio_encode_duration_seconds',
    'result_bytes_total',
    'model_load_duration_seconds',
    'model_loaded',
    'worker_slots',
    'worker_busy_slots',
    'worker_current_task_age_seconds',
    'worker_engine_up',
    'worker_engine_restarts_total',
    'worker_draining',
    'worker_last_completion_timestamp_seconds',
  ],
  both: [
    'build_info',
    'tasks_finished_total',
    'tasks_dead_lettered_total',
    'task_requeues_total',
    'cancel_latency_seconds',
    'redis_command_duration_seconds',
    'redis_errors_total',
  ],
};

/** The names of metrics that a text mentions, without what Prometheus adds to a histogram's. */
function namesIn(text: string): string[] {
  const names = text.match(/\b(musicgen|process|nodejs)_[a-z0-9_]+/g) ?? [];
  return [...new Set(names.map((name) => name.replace(/_(bucket|sum|count)$/, '')))].sort();
}

test('API and worker export what is promised, and every metric that the dashboard, the rules and the alerts name', async () => {
  const redis = await startRedisServer();
  const fleet = await createFleet(redis.url);
  try {
    const api = await fleet.startApi();
    const worker = fleet.startWorker();
    const { port } = await worker.untilLogged('listening');
    await Promise.all([api.process.untilLogged('ready'), worker.untilLogged('ready')]);
    const exported = await Promise.all(
      [`${api.url}/metrics`, `http://127.0.0.1:${port}/metrics`].map(async (url) =>
        (await fetch(url)).text(),
      ),
    );
    const known = namesIn(exported.join('\n'));
    for (const file of files) {
      const unknown = namesIn(await readProjectFile(file)).filter((name) => !known.includes(name));
      expect([file, unknown]).toEqual([file, []]);
    }
    const [ofApi = [], ofWorker = []] = exported.map(namesIn);
    expect(exported[1]).toMatch(/^musicgen_build_info\{.*ort="\d+\.\d+\.\d+/m);
    const missing = (names: string[], from: string[]) =>
      names.map((name) => `musicgen_${name}`).filter((name) => !from.includes(name));
    expect(missing([...promised.api, ...promised.both], ofApi)).toEqual([]);
    expect(missing([...promised.worker, ...promised.both], ofWorker)).toEqual([]);
    for (const input of hasPromtool ? exported : []) {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input });
      expect([status, String(stdout), String(stderr)]).toEqual([0, '', '']);
    }
  } finally {
    await fleet.stop();
    await redis.stop();
  }
});

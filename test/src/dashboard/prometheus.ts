import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root } from '../processes.ts';

/** The values of one series, by time in Unix seconds. */
export interface Series {
  labels: Record<string, string>;
  points: [at: number, value: number][];
}

export interface QueryRange {
  /** Unix seconds. */
  start: number;
  end: number;
  stepSeconds: number;
}

export interface Prometheus {
  queryRange(expr: string, range: QueryRange): Promise<Series[]>;
  stop(): Promise<void>;
}

/** A real Prometheus with the rules that are shipped, scraping processes every two seconds. */
export async function startPrometheus(targets: Record<string, string[]>): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-prometheus-'));
  for (const file of ['rules.yml', 'alerts.yml'])
    await cp(join(root, 'deploy/prometheus', file), join(folder, file));
  const config = {
    global: { scrape_interval: '2s', evaluation_interval: '5s' },
    rule_files: ['rules.yml', 'alerts.yml'],
    scrape_configs: Object.entries(targets).map(([job_name, addresses]) => ({
      job_name,
      static_configs: [{ targets: addresses }],
    })),
  };
  // JSON is YAML.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const port = await freePort();
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, child);
  return {
    async queryRange(expr, { start, end, stepSeconds }) {
      const query = new URLSearchParams({
        query: expr,
        start: String(start),
        end: String(end),
        step: String(stepSeconds),
      });
      const response = await fetch(`${url}/api/v1/query_range?${query}`);
      const body = (await response.json()) as Answer;
      if (body.status !== 'success') throw new Error(`${expr}: ${body.error}`);
      return body.data.result.map(({ metric, values }) => ({
        labels: metric,
        points: values.map(([at, value]) => [at, Number(value)]),
      }));
    },
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      await rm(folder, { recursive: true });
    },
  };
}

interface Answer {
  status: string;
  error?: string;
  data: { result: { metric: Record<string, string>; values: [number, string][] }[] };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const ready = await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    await delay(200);
  }
  throw new Error('Prometheus did not start.');
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

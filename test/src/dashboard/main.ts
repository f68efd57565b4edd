/**
 * Draws the Grafana dashboard without Grafana: runs Redis, an API, two workers with the embedded model and a real
 * Prometheus under load, and puts what the panels' own queries answer into one picture.
 *
 *     npm run dashboard -- [--minutes 8] [--out docs/dashboard.svg]
 */

import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startRedisServer } from '@musicgen/redis-server';
import { createRandom } from '../chaos/plan.ts';
import { readProjectFile } from '../deploy/deploy-files.ts';
import { createFleet, root } from '../processes.ts';
import { runLoad } from '../soak/load.ts';
import { type DrawnPanel, drawDashboard, type Panel } from './draw.ts';
import { type Prometheus, type QueryRange, startPrometheus } from './prometheus.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '8' },
    out: { type: 'string', default: 'docs/dashboard.svg' },
  },
});
const minutes = Number(values.minutes);
if (!(minutes >= 1)) {
  console.error('--minutes is a number from 1 on: npm run dashboard -- --minutes 8');
  process.exit(2);
}

/** What Grafana puts in for its variables when everything is chosen. */
const variables: Record<string, string> = { priority: '.*', instance: '.*', __rate_interval: '1m' };

async function draw(prometheus: Prometheus, range: QueryRange): Promise<string> {
  const text = await readProjectFile('deploy/grafana/dashboards/musicgen.json');
  const { panels } = JSON.parse(text) as { panels: Panel[] };
  const drawn: DrawnPanel[] = [];
  for (const panel of panels) drawn.push({ panel, series: await answersOf(panel, prometheus, range) });
  const empty = drawn.filter(({ panel, series }) => panel.type !== 'row' && series.length === 0);
  console.log(
    `${drawn.length} panels, ${empty.length} without data: ${empty.map(({ panel }) => panel.title).join(', ')}`,
  );
  return drawDashboard(drawn, range);
}

async function answersOf({ targets = [] }: Panel, prometheus: Prometheus, range: QueryRange) {
  const series: DrawnPanel['series'] = [];
  for (const { expr, legendFormat = '' } of targets) {
    const query = expr.replaceAll(/\$(\w+)/g, (_, name: string) => variables[name] ?? '');
    for (const found of await prometheus.queryRange(query, range))
      series.push({
        ...found,
        name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => found.labels[label] ?? ''),
      });
  }
  return series;
}

/** Someone who wants to be told, and someone who changes their mind. */
async function submitWithWebhooks(apiUrl: string, webhookUrl: string, signal: AbortSignal): Promise<void> {
  for (let count = 0; !signal.aborted; count += 1) {
    const response = await fetch(`${apiUrl}/api/v1/generate`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ prompt: 'calm piano', duration: 3, webhook: { url: webhookUrl } }),
    });
    const { id } = (await response.json()) as { id?: string };
    await delay(4_000, undefined, { signal }).catch(() => {});
    if (count % 3 === 0 && id) await fetch(`${apiUrl}/api/v1/tasks/${id}/cancel`, { method: 'POST' });
  }
}

const redis = await startRedisServer();
const fleet = await createFleet(redis.url);
const receiver = createServer((_req, res) => res.writeHead(204).end()).listen(0, '127.0.0.1');
const ending = new AbortController();
try {
  const api = await fleet.startApi({
    WEBHOOK_ALLOW_HTTP: 'true',
    WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
    WEBHOOK_SECRET: `whsec_${Buffer.alloc(24, 1).toString('base64')}`,
  });
  const model = { MODEL_PATH: join(root, 'models/musicgen-micro') };
  const workers = [fleet.startWorker(model), fleet.startWorker(model)];
  const ports = await Promise.all(
    workers.map(async (worker) => (await worker.untilLogged('listening')).port),
  );
  await Promise.all(workers.map((worker) => worker.untilLogged('ready')));
  const prometheus = await startPrometheus({
    'musicgen-api': [new URL(api.url).host],
    'musicgen-worker': ports.map((port) => `127.0.0.1:${port}`),
  });
  try {
    const start = Date.now() / 1000;
    const load = runLoad({ apiUrl: api.url, clients: 5, random: createRandom(1) }, ending.signal);
    const webhooks = submitWithWebhooks(
      api.url,
      `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
      ending.signal,
    );
    await delay(minutes * 60_000);
    ending.abort();
    await Promise.all([load, webhooks]);
    const range = { start, end: Date.now() / 1000, stepSeconds: Math.ceil(minutes) };
    await writeFile(join(root, values.out), await draw(prometheus, range));
    console.log(values.out);
  } finally {
    await prometheus.stop();
  }
} finally {
  ending.abort();
  receiver.close();
  await fleet.stop();
  await redis.stop();
}

import { startRedisServer } from '@musicgen/redis-server';
import { createFleet } from '../processes.ts';
import { readProjectFile } from './deploy-files.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(120_000);

const files = [
  'deploy/grafana/dashboards/musicgen.json',
  'deploy/prometheus/rules.yml',
  'deploy/prometheus/alerts.yml',
];

/** The names of metrics that a text mentions, without what Prometheus adds to a histogram's. */
function namesIn(text: string): string[] {
  const names = text.match(/\b(musicgen|process|nodejs)_[a-z0-9_]+/g) ?? [];
  return [...new Set(names.map((name) => name.replace(/_(bucket|sum|count)$/, '')))].sort();
}

test('every metric that the dashboard, the rules and the alerts name is one that API or worker export', async () => {
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
    expect(known.length).toBeGreaterThan(40);
  } finally {
    await fleet.stop();
    await redis.stop();
  }
});

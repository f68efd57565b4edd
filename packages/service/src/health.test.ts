import { Registry } from 'prom-client';
import { startHealthServer } from './health.ts';
import { createRegistry } from './metrics.ts';

test('a process that cannot work is alive but not ready, and says why', async () => {
  const reasons = ['Redis is away.'];
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    notReadyBecause: () => reasons,
    registry: new Registry(),
  });
  const at = `http://127.0.0.1:${server.port}`;
  expect((await fetch(`${at}/livez`)).status).toBe(200);
  const notReady = await fetch(`${at}/readyz`);
  expect(notReady.status).toBe(503);
  expect(notReady.headers.get('content-type')).toMatch('application/problem+json');
  expect(await notReady.json()).toMatchObject({ code: 'dependency_unavailable', detail: 'Redis is away.' });
  reasons.pop();
  expect((await fetch(`${at}/readyz`)).status).toBe(200);
  await server.close();
});

test('the registry says what runs and leaves out what Prometheus would call misnamed', async () => {
  const text = await createRegistry({ role: 'worker', version: '1.2.3', ort: '4.5.6' }).metrics();
  expect(text).toContain(
    `musicgen_build_info{role="worker",version="1.2.3",ort="4.5.6",revision="unknown",node="${process.version}"} 1`,
  );
  expect(text).not.toContain('nodejs_active_handles_total');
});

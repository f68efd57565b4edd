import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createFleet, type Fleet } from '../processes.ts';
import { type CollectedSpan, startCollector } from './collector.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(90_000);

let redis: RedisServer;
let fleet: Fleet;
beforeAll(async () => {
  redis = await startRedisServer();
  fleet = await createFleet(redis.url);
});
afterAll(async () => {
  await fleet.stop();
  await redis.stop();
});

const callersTrace = '4bf92f3577b34da6a3ce929d0e0e4736';
const callersSpan = '00f067aa0ba902b7';
const traceparent = `00-${callersTrace}-${callersSpan}-01`;

function submit(url: string, headers: Record<string, string> = { traceparent }) {
  return fetch(`${url}/api/v1/generate`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ prompt: 'a march', duration: 2 }),
  });
}

function byStart(a: CollectedSpan, b: CollectedSpan): number {
  return Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano));
}

async function linesOf(file: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(fleet.folder, file), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('one trace leads from the request over the queue to every stage of the engine', async () => {
  const collector = await startCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: '100' };
  const [api, worker] = [await fleet.startApi(env), fleet.startWorker(env)];
  await Promise.all([api.process.untilLogged('ready'), worker.untilLogged('ready')]);
  const response = await submit(api.url);
  const { id } = (await response.json()) as { id: string };
  await api.client.waitForTask(id);
  await collector.until((spans) => spans.some(({ name }) => name === 'process task'));
  await Promise.all([api.process.stop(), worker.stop()]);
  collector.close();

  const spans = collector.spans.filter(({ traceId }) => traceId === callersTrace);
  const named = (name: string) => spans.find((span) => span.name === name) as CollectedSpan;
  const request = named('POST /api/v1/generate');
  expect(request).toMatchObject({ service: 'musicgen-api', kind: 2, parentSpanId: callersSpan });
  expect(response.headers.get('traceparent')).toBe(`00-${callersTrace}-${request.spanId}-01`);
  expect(named('wait in queue')).toMatchObject({ service: 'musicgen-worker', parentSpanId: request.spanId });
  const work = named('process task');
  expect(work).toMatchObject({ service: 'musicgen-worker', kind: 5, parentSpanId: request.spanId });
  expect(work.attributes).toContainEqual({ key: 'musicgen.task_id', value: { stringValue: id } });

  // Sent in several batches, which may overtake each other.
  const stages = spans.filter(({ parentSpanId }) => parentSpanId === work.spanId).toSorted(byStart);
  expect(stages.map(({ name }) => name)).toEqual([
    'encoding_text',
    'generating',
    'decoding',
    'encoding_audio',
    'storing',
  ]);
  const [ofApi, ofWorker] = await Promise.all([linesOf('api-0.log'), linesOf('worker-1.log')]);
  // The requests that ask for the task have traces of their own.
  for (const lines of [ofApi.filter(({ method }) => method !== 'GET'), ofWorker]) {
    const lineOfTask = lines.filter(({ task_id }) => task_id === id);
    expect(lineOfTask.length).toBeGreaterThan(0);
    for (const line of lineOfTask) expect(line.trace_id).toBe(callersTrace);
  }
});

/** Run before a program, it makes the packages look as if they were not installed. */
const hook = `export async function resolve(name, context, next) {
  if (!name.startsWith('@opentelemetry/')) return next(name, context);
  throw Object.assign(new Error(name + ' is hidden'), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
const hideOpenTelemetry = `import { register } from 'node:module';
register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});`;

test('without OpenTelemetry installed everything works, and the trace of the caller is still handed on', async () => {
  const hidden = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hideOpenTelemetry)}` };
  const api = await fleet.startApi({ ...hidden, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
  await api.process.untilLogged('ready');
  const response = await submit(api.url);
  expect([response.status, response.headers.get('traceparent')]).toEqual([202, traceparent]);
  expect((await submit(api.url, { traceparent: 'nonsense' })).headers.get('traceparent')).toBeNull();
  await api.process.stop();
  const warnings = (await linesOf('api-2.log')).filter(({ level }) => level === 'warn');
  expect(warnings.map(({ msg }) => msg)).toContainEqual(expect.stringMatching(/^no traces: .* npm install/));
});

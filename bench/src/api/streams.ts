import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Claim, createStreamsQueue, patientRedisOptions } from '@musicgen/queue';
import { Redis } from 'ioredis';
import { uuidv7 } from 'uuidv7';
import { percentile } from '../percentile.ts';
import type { ServerProcess } from './servers.ts';

export interface StreamFigures {
  /** What all streams together take of the API's memory. */
  megabytes: number;
  p50Ms: number;
  p99Ms: number;
  /** Of a core, while events flow. */
  cpuShare: number;
  /** When every client has an event of its own that all tasks have at once. */
  allAtOnceMs: number;
}

export interface StreamOptions {
  server: ServerProcess;
  redisUrl: string;
  clients: number;
  /** So many of the tasks run and report twice a second, as workers do; the others wait. */
  running: number;
  seconds: number;
}

/** Workers that report at the same moment, at most. */
const reportsAtOnce = 10;
const reportEveryMs = 500;

/** Many clients at one API process, each following a task of its own, from the report of its worker to the client. */
export async function measureStreams(options: StreamOptions): Promise<StreamFigures> {
  const redis = new Redis(options.redisUrl, patientRedisOptions);
  const queue = createStreamsQueue({ redis });
  const consumer = queue.createConsumer({ workerId: 'bench', priorities: ['NORMAL'] });
  try {
    const memory = () => options.server.metric('process_resident_memory_bytes');
    const before = await memory();
    const ids = await submit(queue.createProducer(), options.clients);
    const clients = await openStreams(options.server.port, ids);
    const megabytes = ((await memory()) - before) / 1e6;
    const claims = await claimAll(consumer, options.clients);
    const { latenciesMs, cpuShare } = await reportSteadily({ ...options, consumer, claims, clients });
    const startedAt = performance.now();
    const all = clients.untilAllHeard(lastFrame);
    for (let first = 0; first < claims.length; first += 100) {
      const beats = claims.slice(first, first + 100).map((claim) => beatOf(claim, lastFrame));
      await consumer.heartbeat(beats);
    }
    await all;
    const allAtOnceMs = performance.now() - startedAt;
    clients.close();
    return {
      megabytes,
      p50Ms: percentile(latenciesMs, 0.5),
      p99Ms: percentile(latenciesMs, 0.99),
      cpuShare,
      allAtOnceMs,
    };
  } finally {
    await consumer.close();
    redis.disconnect();
  }
}

type Queue = ReturnType<typeof createStreamsQueue>;

async function submit(producer: ReturnType<Queue['createProducer']>, count: number): Promise<string[]> {
  const tasks = Array.from({ length: count }, () => ({
    id: uuidv7(),
    priority: 'NORMAL' as const,
    request: { prompt: 'calm lofi with soft piano', duration: 10, seed: 1, priority: 'NORMAL' },
    ttlSeconds: 3_600,
    maxAttempts: 1,
  }));
  for (let first = 0; first < count; first += 100)
    await producer.enqueueBatch(tasks.slice(first, first + 100));
  return tasks.map(({ id }) => id);
}

async function claimAll(consumer: ReturnType<Queue['createConsumer']>, count: number): Promise<Claim[]> {
  const claims: Claim[] = [];
  while (claims.length < count) claims.push(...(await consumer.claimUpTo(100)));
  return claims;
}

const frames = 100_000;
const lastFrame = frames - 1;

function beatOf(claim: Claim, frame: number) {
  return { claim, stage: 'generating' as const, progress: { frame, frames } };
}

interface Reporting extends Omit<StreamOptions, 'clients'> {
  consumer: ReturnType<Queue['createConsumer']>;
  claims: readonly Claim[];
  clients: Clients;
}

async function reportSteadily({ server, running, seconds, consumer, claims, clients }: Reporting) {
  const cpuBefore = await server.metric('process_cpu_seconds_total');
  const groups = Math.ceil(running / reportsAtOnce);
  const startedAt = performance.now();
  const latenciesMs = clients.latencies();
  for (let turn = 0; performance.now() - startedAt < seconds * 1000; turn++) {
    const first = (turn % groups) * reportsAtOnce;
    const frame = turn + 1;
    const group = claims.slice(first, Math.min(first + reportsAtOnce, running));
    const sentAt = performance.now();
    for (const { task } of group) clients.expect(task.id, frame, sentAt);
    await consumer.heartbeat(group.map((claim) => beatOf(claim, frame)));
    await delay(Math.max(0, startedAt + ((turn + 1) * reportEveryMs) / groups - performance.now()));
  }
  await delay(reportEveryMs);
  const cpuSeconds = (await server.metric('process_cpu_seconds_total')) - cpuBefore;
  return { latenciesMs, cpuShare: (cpuSeconds * 1000) / (performance.now() - startedAt) };
}

interface Clients {
  expect(id: string, frame: number, sentAt: number): void;
  /** Filled as events arrive. */
  latencies(): number[];
  untilAllHeard(frame: number): Promise<void>;
  close(): void;
}

/** Opens all streams, some at a time, and resolves when each has had its snapshot. */
async function openStreams(port: number, ids: readonly string[]): Promise<Clients> {
  const latencies: number[] = [];
  const expected = new Map<string, number>();
  const heard = new Map<string, number>();
  let onHeard = () => {};
  const hear = (id: string, text: string) => {
    for (const [, frame] of text.matchAll(/"progress":\{[^}]*"frame":(\d+)/g)) {
      const sentAt = expected.get(`${id} ${frame}`);
      if (sentAt !== undefined) latencies.push(performance.now() - sentAt);
      heard.set(id, Number(frame));
    }
    onHeard();
  };
  const sockets = await inTurns(ids, 50, async (id) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.setEncoding('utf8');
    socket.write(`GET /api/v1/tasks/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const [first] = (await once(socket, 'data')) as [string];
    if (!first.startsWith('HTTP/1.1 200')) throw new Error(first.slice(0, 300));
    return socket.on('data', (text: string) => hear(id, text));
  });
  return {
    expect: (id, frame, sentAt) => void expected.set(`${id} ${frame}`, sentAt),
    latencies: () => latencies,
    untilAllHeard: (frame) =>
      new Promise((resolve) => {
        onHeard = () => {
          if (heard.size === ids.length && [...heard.values()].every((last) => last === frame)) resolve();
        };
      }),
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function inTurns<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let first = 0; first < items.length; first += atOnce)
    results.push(...(await Promise.all(items.slice(first, first + atOnce).map(run))));
  return results;
}

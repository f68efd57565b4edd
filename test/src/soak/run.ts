import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceProcess } from '@musicgen/local/service-process';
import { startRedisServer } from '@musicgen/redis-server';
import { createFleet, root } from '../processes.ts';
import { type LoadFigures, runLoad } from './load.ts';
import { residentMemory } from './resident-memory.ts';

export interface SoakOptions {
  minutes: number;
  random: () => number;
  say: (line: string) => void;
}

/** What is looked at: the API, one worker and its engine that are never restarted, and Redis. */
export const parts = ['API', 'worker', 'engine', 'Redis'] as const;
export type Part = (typeof parts)[number];

export interface Sample {
  atSeconds: number;
  /** Resident memory in bytes. */
  bytes: Record<Part, number>;
}

export interface SoakResult {
  load: LoadFigures;
  samples: Sample[];
  restarts: { terminated: number; killed: number; badExits: string[] };
}

const clients = 6;
const sampleEveryMs = 5_000;
const calmMs = { shortest: 10_000, longest: 40_000 };

/** Runs the whole service under load for a while, with workers that are stopped and killed at random. */
export async function runSoak({ minutes, random, say }: SoakOptions): Promise<SoakResult> {
  const redis = await startRedisServer();
  const fleet = await createFleet(redis.url);
  const ending = new AbortController();
  const model = { MODEL_PATH: join(root, 'models/musicgen-micro') };
  try {
    const api = await fleet.startApi();
    await api.process.untilLogged('ready');
    const steady = fleet.startWorker(model);
    await steady.untilLogged('ready');
    const pids = [api.process.pid, steady.pid, redis.pid];
    const startedAt = performance.now();

    const samples = sampleMemory({ pids, startedAt, say }, ending.signal);
    const restarts = restartWorkers(() => fleet.startWorker(model), random, ending.signal);
    const load = runLoad({ apiUrl: api.url, clients, random }, ending.signal);
    await Promise.race([delay(minutes * 60_000), load, restarts]);
    ending.abort();
    return { load: await load, samples: await samples, restarts: await restarts };
  } finally {
    ending.abort();
    await fleet.stop();
    await redis.stop();
  }
}

interface Sampling {
  pids: number[];
  startedAt: number;
  say: (line: string) => void;
}

async function sampleMemory({ pids, startedAt, say }: Sampling, signal: AbortSignal): Promise<Sample[]> {
  const samples: Sample[] = [];
  while (!signal.aborted) {
    const [api, worker, redis] = await residentMemory(pids);
    const bytes = {
      API: api?.own ?? 0,
      worker: worker?.own ?? 0,
      engine: worker?.children ?? 0,
      Redis: redis?.own ?? 0,
    };
    const atSeconds = Math.round((performance.now() - startedAt) / 1000);
    if (samples.length % 12 === 0) say(describe({ atSeconds, bytes }));
    samples.push({ atSeconds, bytes });
    await delay(sampleEveryMs, undefined, { signal }).catch(() => {});
  }
  return samples;
}

function describe({ atSeconds, bytes }: Sample): string {
  const memory = parts.map((part) => `${part} ${Math.round(bytes[part] / 1e6)} MB`).join(', ');
  return `${Math.round(atSeconds / 60)} min: ${memory}`;
}

/** Two more workers, one of which is replaced now and then: mostly by SIGTERM, sometimes without a warning. */
async function restartWorkers(
  startWorker: () => ServiceProcess,
  random: () => number,
  signal: AbortSignal,
): Promise<SoakResult['restarts']> {
  const restarts: SoakResult['restarts'] = { terminated: 0, killed: 0, badExits: [] };
  const workers = [startWorker(), startWorker()];
  while (!signal.aborted) {
    const calm = calmMs.shortest + random() * (calmMs.longest - calmMs.shortest);
    await delay(calm, undefined, { signal }).catch(() => {});
    if (signal.aborted) break;
    const place = random() < 0.5 ? 0 : 1;
    const worker = workers[place] as ServiceProcess;
    if (random() < 0.3) {
      worker.kill('SIGKILL');
      restarts.killed += 1;
    } else {
      await worker.stop();
      restarts.terminated += 1;
      const { code, how } = await worker.ended;
      if (code !== 0) restarts.badExits.push(how);
    }
    workers[place] = startWorker();
  }
  return restarts;
}

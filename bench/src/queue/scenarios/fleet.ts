import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../../percentile.ts';
import { clockMs } from '../clock.ts';
import type { Bench, Scenario } from '../scenario.ts';
import { cpuSeconds } from '../server-figures.ts';
import type { BenchProducer } from '../systems/system.ts';
import { startWorkers } from '../worker-child.ts';

/** The shape of the load: pieces of ten seconds, progress as often as our worker reports it, four of five busy. */
export const fleetLoad = { taskMs: 10_000, progressMs: 500, busyShare: 0.8 };

/** At least two of an idle worker's waits, which last up to 10 s. */
const idleMs = 20_000;
const watchedMs = 10_000;

/** A fleet of one-slot workers on one Redis: first idle, then under a steady load. */
export function fleet(workerCount: number): Scenario {
  const label = `${workerCount.toLocaleString('en').replace(',', ' ')} workers`;
  const busy = `${100 * fleetLoad.busyShare} % busy`;
  return {
    name: 'fleet',
    rows: [
      { figure: 'idleCpu', name: `${label}, idle: Redis CPU, % of a core`, better: 'lower' },
      { figure: 'busyCpu', name: `${label}, ${busy}: Redis CPU, % of a core`, better: 'lower' },
      { figure: 'p50', name: `${label}, ${busy}: pickup p50, ms`, better: 'lower' },
      { figure: 'p99', name: `${label}, ${busy}: pickup p99, ms`, better: 'lower' },
    ],
    async measure(system, bench) {
      const { taskMs, progressMs } = fleetLoad;
      const producer = await system.openProducer(bench);
      const workers = await startWorkers({
        system: system.name,
        url: bench.url,
        workers: workerCount,
        taskMs,
        progressMs,
        report: 'starts',
      });
      await delay(2_000);
      const idleCpu = await cpuShareWhile(bench, delay(idleMs));

      const perSecond = (busyWorkers(workerCount) * 1000) / taskMs;
      // One task's length, and the fleet is as busy as it will stay.
      const rampUp = await enqueueSteadily(producer, { from: 0, perSecond, forMs: taskMs + 1_000 });
      const load = enqueueSteadily(producer, { from: rampUp.length, perSecond, forMs: watchedMs });
      const busyCpu = await cpuShareWhile(bench, load);

      const sent = await load;
      const starts = await Promise.all(sent.map((_, offset) => workers.started(rampUp.length + offset)));
      const latencies = starts.map((startedAt, offset) => startedAt - (sent[offset] ?? 0));
      await workers.stop();
      await producer.close();
      return { idleCpu, busyCpu, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
    },
  };
}

function busyWorkers(workerCount: number): number {
  return workerCount * fleetLoad.busyShare;
}

/** Percent of one core that the server used. */
async function cpuShareWhile({ redis }: Bench, load: Promise<unknown>): Promise<number> {
  const startedAt = clockMs();
  const before = await cpuSeconds(redis);
  await load;
  const cpu = (await cpuSeconds(redis)) - before;
  return (100 * cpu) / ((clockMs() - startedAt) / 1000);
}

/** Enqueues at an even rate and says when each task was sent. */
async function enqueueSteadily(
  producer: BenchProducer,
  { from, perSecond, forMs }: { from: number; perSecond: number; forMs: number },
): Promise<number[]> {
  const startedAt = clockMs();
  const sent: number[] = [];
  const acknowledged: Promise<unknown>[] = [];
  const count = Math.round((perSecond * forMs) / 1000);
  for (let index = 0; index < count; index += 1) {
    await delay(startedAt + (1000 * index) / perSecond - clockMs());
    sent.push(clockMs());
    acknowledged.push(producer.enqueue(from + index));
  }
  await Promise.all(acknowledged);
  return sent;
}

import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../../percentile.ts';
import { clockMs } from '../clock.ts';
import type { Scenario } from '../scenario.ts';
import { startWorkers } from '../worker-child.ts';

const warmUp = 20;
const samples = 200;

/** From the call that enqueues, in one process, to the first line of the handler in another that was idle. */
export const pickup: Scenario = {
  name: 'pickup',
  rows: [
    { figure: 'p50', name: 'pickup on an idle queue p50, ms', better: 'lower', target: 1 },
    { figure: 'p99', name: 'pickup on an idle queue p99, ms', better: 'lower', target: 6 },
  ],
  async measure(system, bench) {
    const producer = await system.openProducer(bench);
    const workers = await startWorkers({ system: system.name, url: bench.url, report: 'starts' });
    await delay(1_000);
    const latencies: number[] = [];
    for (let index = 0; index < warmUp + samples; index += 1) {
      const sentAt = clockMs();
      await producer.enqueue(index);
      const latency = (await workers.started(index)) - sentAt;
      if (index >= warmUp) latencies.push(latency);
      // Long enough for the worker to finish, look again and fall asleep.
      await delay(15 + Math.random() * 15);
    }
    await workers.stop();
    await producer.close();
    return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
  },
};

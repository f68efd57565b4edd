import { percentile } from '../../percentile.ts';
import { clockMs } from '../clock.ts';
import type { Scenario } from '../scenario.ts';

const warmUp = 200;
const most = 2_000;

/** One task after the other, each once the one before is acknowledged: the latency an API call sees. */
export const sequentialEnqueue: Scenario = {
  name: 'sequential-enqueue',
  rows: [
    { figure: 'p50', name: 'sequential enqueue p50, ms', better: 'lower', target: 0.2 },
    { figure: 'p99', name: 'sequential enqueue p99, ms', better: 'lower' },
  ],
  async measure(system, bench) {
    const producer = await system.openProducer(bench);
    const latencies: number[] = [];
    for (let index = 0; index < warmUp + Math.min(most, bench.tasks); index += 1) {
      const sentAt = clockMs();
      await producer.enqueue(index);
      if (index >= warmUp) latencies.push(clockMs() - sentAt);
    }
    await producer.close();
    return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
  },
};

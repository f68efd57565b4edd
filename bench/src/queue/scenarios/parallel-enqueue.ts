import { clockMs } from '../clock.ts';
import { enqueueInParallel } from '../fill.ts';
import type { Scenario } from '../scenario.ts';

/** Two thousand callers at once, and the same tasks in the batches each system offers. */
export const parallelEnqueue: Scenario = {
  name: 'parallel-enqueue',
  rows: [
    { figure: 'parallel', name: 'parallel enqueue (2 000 in flight), tasks/s', better: 'higher' },
    { figure: 'bulk', name: 'bulk enqueue, tasks/s', better: 'higher' },
  ],
  async measure(system, bench) {
    const producer = await system.openProducer(bench);
    // So that the server knows the scripts; two thousand callers would each find out for themselves.
    await producer.enqueue(0);
    const startedAt = clockMs();
    await enqueueInParallel(producer, bench.tasks, 2_000);
    const parallelMs = clockMs() - startedAt;

    await bench.redis.flushall();
    const bulkStartedAt = clockMs();
    await producer.enqueueBulk(0, bench.tasks);
    const bulkMs = clockMs() - bulkStartedAt;
    await producer.close();
    return { parallel: (1000 * bench.tasks) / parallelMs, bulk: (1000 * bench.tasks) / bulkMs };
  },
};

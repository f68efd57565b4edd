import { fill } from '../fill.ts';
import type { Scenario } from '../scenario.ts';
import { startWorkers } from '../worker-child.ts';

/** One worker process that empties a full queue of tasks that do nothing. */
export function throughput(concurrency: number): Scenario {
  return {
    name: `throughput-${concurrency}`,
    rows: [
      { figure: 'rate', name: `one worker, concurrency ${concurrency}, no-op, tasks/s`, better: 'higher' },
    ],
    async measure(system, bench) {
      await fill(system, bench);
      const { url, tasks } = bench;
      const workers = await startWorkers({ system: system.name, url, concurrency, expected: tasks });
      const seconds = await workers.finished;
      await workers.stop();
      return { rate: tasks / seconds };
    },
  };
}

import { enqueueInParallel } from '../fill.ts';
import type { Scenario } from '../scenario.ts';
import { cpuSeconds, scriptMicroseconds } from '../server-figures.ts';
import { startWorkers } from '../worker-child.ts';

/**
 * What one task costs the server from its enqueueing, on its own, to its completion. Unlike rates, these figures
 * hardly depend on what else the machine does.
 */
export const taskLife: Scenario = {
  name: 'task-life',
  rows: [
    { figure: 'cpu', name: 'Redis CPU per task life, µs', better: 'lower' },
    { figure: 'scripts', name: 'Redis time in scripts per task life, µs', better: 'lower' },
  ],
  async measure(system, bench) {
    const { redis, url, tasks } = bench;
    const producer = await system.openProducer(bench);
    const before = await cpuSeconds(redis);
    await enqueueInParallel(producer, tasks, 50);
    const workers = await startWorkers({ system: system.name, url, concurrency: 10, expected: tasks });
    await workers.finished;
    const cpu = (await cpuSeconds(redis)) - before;
    const scripts = await scriptMicroseconds(redis);
    await workers.stop();
    await producer.close();
    return { cpu: (1e6 * cpu) / tasks, scripts: scripts / tasks };
  },
};

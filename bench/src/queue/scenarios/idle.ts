import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../scenario.ts';
import { clientCommands } from '../server-figures.ts';
import { startWorkers } from '../worker-child.ts';

const watchedMs = 15_000;

/** What a worker with nothing to do sends. */
export const idle: Scenario = {
  name: 'idle',
  rows: [{ figure: 'commands', name: 'idle worker, client commands/s', better: 'lower', target: 0.5 }],
  async measure(system, { redis, url }) {
    const workers = await startWorkers({ system: system.name, url });
    await delay(3_000);
    const commands = await clientCommands(redis, watchedMs);
    await workers.stop();
    return { commands: commands / (watchedMs / 1000) };
  },
};

import type { Scenario } from '../scenario.ts';
import { bytesOf, settledMemory } from '../server-figures.ts';
import { startWorkers } from '../worker-child.ts';

/**
 * What a task with a request of 500 bytes adds to the server's memory, its share of all indexes included. The stream
 * of events is left out: both cap it, so it costs the same whatever the number of tasks.
 */
export const memory: Scenario = {
  name: 'memory',
  rows: [
    { figure: 'waiting', name: 'memory per waiting task, bytes', better: 'lower', target: 1_100 },
    { figure: 'finished', name: 'memory per finished task, bytes', better: 'lower', target: 1_400 },
  ],
  async measure(system, bench) {
    const { redis, url, tasks } = bench;
    const producer = await system.openProducer(bench);
    // What exists once, whatever the number of tasks, is there before the first look.
    await producer.enqueue(0);
    const used = async () => (await settledMemory(redis)) - (await bytesOf(redis, system.eventStream));
    const before = await used();
    await producer.enqueueBulk(1, tasks);
    const waiting = (await used()) - before;

    const workers = await startWorkers({ system: system.name, url, concurrency: 50, expected: tasks + 1 });
    await workers.finished;
    await workers.stop();
    const finished = (await used()) - before;
    await producer.close();
    return { waiting: waiting / tasks, finished: finished / tasks };
  },
};

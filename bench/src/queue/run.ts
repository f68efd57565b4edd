import { cpus, loadavg } from 'node:os';
import { type Priority, priorityNames } from '@musicgen/contract';
import { startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';
import { type Row, tableText } from '../table.ts';
import { projectFleet } from './project-fleet.ts';
import { runScenario, type Scenario } from './scenario.ts';
import { fleet } from './scenarios/fleet.ts';
import { idle } from './scenarios/idle.ts';
import { memory } from './scenarios/memory.ts';
import { parallelEnqueue } from './scenarios/parallel-enqueue.ts';
import { pickup } from './scenarios/pickup.ts';
import { sequentialEnqueue } from './scenarios/sequential-enqueue.ts';
import { taskLife } from './scenarios/task-life.ts';
import { throughput } from './scenarios/throughput.ts';

const names = { ours: 'ours', peer: 'BullMQ' };

export interface QueueBenchOptions {
  rounds: number;
  tasks: number;
  /** Simulated workers of the fleet. */
  workers: number;
  /** Scenarios by name; none: all. */
  only: readonly string[];
  /** Priorities that are mixed: 4, or 1 for the plain first-in, first-out way. */
  priorities: 1 | 4;
  /** `uuid`: BullMQ's jobs get ids like ours. */
  peerIds: 'own' | 'uuid';
}

/** Measures our queue and BullMQ beside each other on a private server and prints what it finds. */
export async function benchQueue(options: QueueBenchOptions): Promise<Row[]> {
  const server = await startRedisServer();
  const redis = new Redis(server.url);
  const { tasks, peerIds } = options;
  const bench = { url: server.url, redis, tasks, peerIds, priorities: mixOf(options.priorities) };
  console.log(await setting(redis, options));
  try {
    const rows: Row[] = [];
    for (const scenario of chosen(options)) {
      console.error(`${scenario.name} …`);
      const measured = await runScenario(scenario, bench, options.rounds);
      // A run that is cut short has said what it knows.
      console.error(tableText(measured, names));
      rows.push(...measured);
    }
    console.log(tableText(rows, names));
    console.log(projectFleet(rows, options.workers));
    return rows;
  } finally {
    redis.disconnect();
    await server.stop();
  }
}

function chosen({ only, workers }: QueueBenchOptions): Scenario[] {
  const scenarios = [
    sequentialEnqueue,
    parallelEnqueue,
    throughput(1),
    throughput(50),
    pickup,
    memory,
    idle,
    taskLife,
    fleet(workers),
  ];
  return only.length === 0 ? scenarios : scenarios.filter(({ name }) => only.includes(name));
}

function mixOf(count: QueueBenchOptions['priorities']): readonly Priority[] {
  return count === 4 ? priorityNames : [];
}

/** What a reader must know beside the figures. */
async function setting(
  redis: Redis,
  { rounds, tasks, priorities, peerIds }: QueueBenchOptions,
): Promise<string> {
  const [, version] = /redis_version:(\S+)/.exec(await redis.info('server')) ?? [];
  const machine = `${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}`;
  const software = `Node ${process.version}, Redis ${version} (append-only file, fsync every second)`;
  const load = `medians of ${rounds} rounds, ${tasks} tasks, ${priorities} ${priorities === 1 ? 'priority' : 'priorities'}`;
  const ids =
    peerIds === 'uuid'
      ? "BullMQ's jobs called by UUIDs, as ours are"
      : "BullMQ's jobs called as it calls them";
  return `${new Date().toISOString()}\n${machine}\n${software}\n${load}\n${ids}\n`;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Priority, priorityNames } from '@musicgen/contract';
import type { HistoryWriter } from './history.ts';
import type { WorkerProcessOptions } from './worker-process.ts';

/** The build's own file: a worker process runs JavaScript wherever this module came from. */
const entry = fileURLToPath(new URL('../../dist/chaos/worker-process.js', import.meta.url));
/** A fault waits until so much of the fleet works: with all workers down, a queue has nothing to get wrong. */
const leastShare = 1 / 3;

export interface FleetOptions {
  redisUrl: string;
  folder: string;
  size: number;
  history: HistoryWriter;
  random: () => number;
}

interface WorkerProcess {
  worker: string;
  child: ChildProcess;
  ready: boolean;
  /** SIGTERM was sent, or it is stopped by SIGSTOP: no target for what needs its cooperation. */
  disturbed: boolean;
}

/** Worker processes, each replaced as soon as it ends, as a supervisor would. */
export interface Fleet {
  /** Each resolves to the worker that was hit; `target` in [0, 1) says which of those that can be. */
  kill(target: number): Promise<string>;
  terminate(target: number): Promise<string>;
  freeze(target: number, lastsMs: number): Promise<string>;
  /** Resolves when every worker is ready and none is frozen or on its way out. */
  untilCalm(): Promise<void>;
  /** Ends all by SIGTERM and replaces none; resolves when the last has ended. */
  stop(): Promise<void>;
}

export function startFleet({ redisUrl, folder, size, history, random }: FleetOptions): Fleet {
  const processes = new Set<WorkerProcess>();
  let started = 0;
  let stopping = false;

  function start(slot: number): void {
    const worker = `worker-${started++}`;
    const options: WorkerProcessOptions = {
      worker,
      redisUrl,
      folder,
      priorities: prioritiesOf(slot),
      slots: 1 + (slot % 2),
      graceMs: Math.round(random() * 800),
    };
    const running: WorkerProcess = { worker, child: spawnWorker(options), ready: false, disturbed: false };
    processes.add(running);
    running.child.once('message', () => {
      running.ready = true;
    });
    running.child.once('exit', (code, signal) => {
      history.write({ type: 'worker:exited', worker, code, signal });
      processes.delete(running);
      if (!stopping) start(slot);
    });
  }

  async function pick(target: number): Promise<WorkerProcess> {
    for (;;) {
      const fit = [...processes].filter(({ ready, disturbed }) => ready && !disturbed);
      const picked = fit[Math.floor(target * fit.length)];
      if (picked !== undefined && fit.length > size * leastShare) return picked;
      await delay(20);
    }
  }

  for (let slot = 0; slot < size; slot += 1) start(slot);

  return {
    async kill(target) {
      const picked = await pick(target);
      picked.disturbed = true;
      picked.child.kill('SIGKILL');
      return picked.worker;
    },
    async terminate(target) {
      const picked = await pick(target);
      end(picked);
      return picked.worker;
    },
    async freeze(target, lastsMs) {
      const picked = await pick(target);
      picked.disturbed = true;
      picked.child.kill('SIGSTOP');
      setTimeout(() => {
        picked.child.kill('SIGCONT');
        picked.disturbed = false;
      }, lastsMs);
      return picked.worker;
    },
    async untilCalm() {
      const isCalm = () => [...processes].every(({ ready, disturbed }) => ready && !disturbed);
      while (processes.size < size || !isCalm()) await delay(50);
    },
    async stop() {
      stopping = true;
      await Promise.all(
        [...processes].map(async (running) => {
          const exited = once(running.child, 'exit');
          end(running);
          await exited;
        }),
      );
    },
  };
}

/** One worker of six serves only the two best queues, as a fleet with reserved capacity would have it. */
function prioritiesOf(slot: number): Priority[] {
  return slot === 1 ? priorityNames.slice(0, 2) : [...priorityNames];
}

function spawnWorker(options: WorkerProcessOptions): ChildProcess {
  const log = openSync(join(options.folder, `${options.worker}.log`), 'a');
  const child = spawn(process.execPath, [entry, JSON.stringify(options)], {
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  return child;
}

function end(running: WorkerProcess): void {
  running.disturbed = true;
  running.child.kill('SIGTERM');
}

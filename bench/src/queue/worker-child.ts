import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { System } from './systems/system.ts';

export interface WorkerProcessOptions {
  system: System['name'];
  url: string;
  /** Workers in the one process, each with connections of its own. */
  workers: number;
  /** Tasks that each of them works on at once. */
  concurrency: number;
  taskMs: number;
  progressMs: number;
  /** After how many tasks it says how long they took. */
  expected: number;
  /** Whether every start is reported; that costs time, so only where starts are what is measured. */
  report: 'starts' | 'end';
}

export type WorkerMessage =
  | { type: 'ready' }
  | { type: 'started'; index: number; atMs: number }
  | { type: 'finished'; seconds: number };

export interface WorkerChild {
  /** Seconds from the first start to the last end of the expected tasks. */
  finished: Promise<number>;
  /** When a task was started, on the clock of `clock.ts`. */
  started(index: number): Promise<number>;
  stop(): Promise<void>;
}

const oneNoOp = {
  workers: 1,
  concurrency: 1,
  taskMs: 0,
  progressMs: 0,
  expected: -1,
  report: 'end',
} as const;

/** Starts a process of workers and resolves once they are connected. */
export async function startWorkers(
  options: Pick<WorkerProcessOptions, 'system' | 'url'> & Partial<WorkerProcessOptions>,
): Promise<WorkerChild> {
  const program = fileURLToPath(new URL('./worker-process.js', import.meta.url));
  const child = fork(program, [JSON.stringify({ ...oneNoOp, ...options })]);
  const finished = new Promise<number>((resolve) => {
    onMessage(child, (message) => message.type === 'finished' && resolve(message.seconds));
  });
  const started = collectStarts(child);
  await new Promise<void>((resolve, reject) => {
    onMessage(child, (message) => message.type === 'ready' && resolve());
    child.once('exit', (code) => reject(new Error(`The workers ended with exit code ${code}`)));
  });
  return {
    finished,
    started,
    async stop() {
      const exited = once(child, 'exit');
      child.send('stop');
      await exited;
    },
  };
}

function onMessage(child: ChildProcess, listener: (message: WorkerMessage) => unknown): void {
  child.on('message', listener);
}

function collectStarts(child: ChildProcess): WorkerChild['started'] {
  const starts = new Map<number, number>();
  const awaited = new Map<number, (atMs: number) => void>();
  onMessage(child, (message) => {
    if (message.type !== 'started') return;
    starts.set(message.index, message.atMs);
    awaited.get(message.index)?.(message.atMs);
  });
  return async (index) =>
    starts.get(index) ?? (await new Promise<number>((resolve) => awaited.set(index, resolve)));
}

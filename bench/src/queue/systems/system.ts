import type { Priority } from '@musicgen/contract';

/** One side of the comparison. What every side does here is the same; how cheaply, is what is measured. */
export interface System {
  name: 'ours' | 'bullmq';
  /** The key of its stream of events, which is capped and so no cost of the single task. */
  eventStream: string;
  openProducer(options: ProducerOptions): Promise<BenchProducer>;
  /** Works on tasks until it is closed. */
  openWorker(options: WorkerOptions): Promise<BenchWorker>;
}

export interface ProducerOptions {
  url: string;
  /** The priorities that tasks are given in turn; none: the system's plain first-in, first-out way. */
  priorities: readonly Priority[];
  /** What the peer's tasks are called: by a number that it counts up itself, or by a UUID, as ours always are. */
  peerIds: 'own' | 'uuid';
}

export interface BenchProducer {
  /** Resolves once Redis has acknowledged the task; its request carries the index. */
  enqueue(index: number): Promise<unknown>;
  /** The indexes `from` to `from + count − 1`, in the largest batches the system takes. */
  enqueueBulk(from: number, count: number): Promise<unknown>;
  close(): Promise<void>;
}

export interface WorkerOptions {
  url: string;
  /** Tasks worked on at once. */
  concurrency: number;
  /** How long a task takes; 0 is a no-op. */
  taskMs: number;
  /** How often a running task reports its progress. */
  progressMs: number;
  onStarted: (index: number) => void;
  onFinished: () => void;
}

export interface BenchWorker {
  close(): Promise<void>;
}

const text = 'lofi beat with warm piano and vinyl crackle ';

/** A request whose JSON has 500 bytes. */
export function requestOf(index: number): { index: number; prompt: string } {
  const room = 500 - JSON.stringify({ index, prompt: '' }).length;
  return { index, prompt: text.repeat(Math.ceil(room / text.length)).slice(0, room) };
}

/** The number that `requestOf` put into a request. */
export function indexOf(request: { [key: string]: unknown }): number {
  return Number(request.index);
}

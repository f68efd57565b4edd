import { randomUUID } from 'node:crypto';
import type { TaskQueue } from '../queue-kind.ts';
import type { Claim, NewTask, TaskConsumer, TaskProducer } from '../task-queue.ts';

/** One queue of some kind, empty, with one producer and one consumer, and time that passes when a test says so. */
export interface TestQueue {
  queue: TaskQueue;
  producer: TaskProducer;
  consumer: TaskConsumer;
  createConsumer(options?: Partial<Parameters<TaskQueue['createConsumer']>[0]>): TaskConsumer;
  enqueue(task?: Partial<NewTask>): Promise<string>;
  /** The task's time to live is over. */
  endTime(id: string): Promise<unknown>;
  /** The task has waited in its queue for so long. */
  waitedFor(id: string, ms: number): Promise<unknown>;
  /** The attempt has run for so long. */
  ranFor(id: string, ms: number): Promise<unknown>;
  /** The task became a dead letter at this time. */
  diedAt(id: string, at: number): Promise<unknown>;
}

/** Opens a queue for one test; it is closed after it. */
export type SetupQueue = (options?: { expiredRetentionMs?: number }) => Promise<TestQueue>;

/** What every test of the contract works with, on a queue that is ready. */
export function testQueueOn(queue: TaskQueue) {
  const consumers: TaskConsumer[] = [];
  const createConsumer: TestQueue['createConsumer'] = (consumer) => {
    const created = queue.createConsumer({
      workerId: `worker-${randomUUID()}`,
      priorities: ['CRITICAL', 'HIGH', 'NORMAL', 'LOW'],
      ...consumer,
    });
    consumers.push(created);
    return created;
  };
  // Longer than a machine that is busy stands still.
  const producer = queue.createProducer({ timeoutMs: 30_000 });
  return {
    queue,
    producer,
    consumers,
    createConsumer,
    consumer: createConsumer(),
    enqueue: async (task: Partial<NewTask> = {}) => (await producer.enqueue(newTask(task))).id,
  };
}

export function newTask(task: Partial<NewTask> = {}): NewTask {
  return {
    id: randomUUID(),
    priority: 'NORMAL',
    request: { prompt: 'a calm piano' },
    ttlSeconds: 3600,
    maxAttempts: 3,
    ...task,
  };
}

/** The claim that a test expects to succeed. */
export async function claimOne(consumer: TaskConsumer): Promise<Claim> {
  const claim = await consumer.claim();
  if (claim === undefined) throw new Error('There was nothing to claim');
  return claim;
}

/** How many tasks there are. */
export async function tasksOf(queue: TaskQueue): Promise<number> {
  const { byPriority } = await queue.createMonitor().existing();
  return Object.values(byPriority).reduce((sum, count) => sum + count, 0);
}

/** The ids of the dead letters, the latest first. */
export async function deadOf(queue: TaskQueue): Promise<string[]> {
  const { tasks } = await queue.createAdmin().deadLetters({ limit: 100 });
  return tasks.map(({ id }) => id);
}

import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { priorityNames } from '@musicgen/contract';
import {
  type Claim,
  createStreamsQueue,
  type NewTask,
  patientRedisOptions,
  type TaskConsumer,
} from '@musicgen/queue';
import { Redis } from 'ioredis';
import { indexOf, type ProducerOptions, requestOf, type System, type WorkerOptions } from './system.ts';

/** The most that `enqueueBatch` takes. */
const batchLength = 100;
const idleMs = 10_000;
/** The most that one call claims: Redis does nothing else meanwhile. */
const claimLength = 25;

export const ours: System = {
  name: 'ours',
  eventStream: 'musicgen:task:stream',

  async openProducer({ url, priorities }) {
    const { redis, queue } = await openQueue(url);
    const producer = queue.createProducer({ maxLength: 10_000_000 });
    return {
      enqueue: (index) => producer.enqueue(newTask(index, priorities)),
      async enqueueBulk(from, count) {
        const batches: Promise<unknown>[] = [];
        for (let first = from; first < from + count; first += batchLength) {
          const length = Math.min(batchLength, from + count - first);
          const tasks = Array.from({ length }, (_, offset) => newTask(first + offset, priorities));
          batches.push(producer.enqueueBatch(tasks));
        }
        await Promise.all(batches);
      },
      close: async () => redis.disconnect(),
    };
  },

  async openWorker(options) {
    const { redis, queue } = await openQueue(options.url);
    const consumer = queue.createConsumer({ workerId: randomUUID(), priorities: priorityNames });
    const stopping = new AbortController();
    await consumer.describe({ model: 'none' });
    consumer.onCancelRequested(() => {});
    const ended = workUntil(stopping.signal, consumer, options);
    return {
      async close() {
        stopping.abort();
        await ended;
        await consumer.close();
        redis.disconnect();
      },
    };
  },
};

async function openQueue(url: string) {
  const redis = new Redis(url, patientRedisOptions);
  const queue = createStreamsQueue({ redis });
  await queue.prepare();
  return { redis, queue };
}

function newTask(index: number, priorities: ProducerOptions['priorities']): NewTask {
  const priority = priorities[index % priorities.length] ?? 'NORMAL';
  return { id: randomUUID(), priority, request: requestOf(index), ttlSeconds: 86_400, maxAttempts: 4 };
}

/**
 * A loop as a worker of many short tasks would have it: claims for the slots that are free, waits when there is nothing to
 * claim. A worker of many slots has several, so that Redis fills some slots while the process works on what is in others.
 */
async function workUntil(signal: AbortSignal, consumer: TaskConsumer, options: WorkerOptions): Promise<void> {
  const slots = new EventEmitter<{ freed: []; found: [] }>();
  const running = new Set<Promise<void>>();
  let freeSlots = options.concurrency;
  const free = () => {
    freeSlots += 1;
    slots.emit('freed');
  };
  const until = (event: 'freed' | 'found') => once(slots, event, { signal }).catch(() => {});

  /** Fills free slots; says whether there was something to fill them with. */
  async function fill(): Promise<boolean> {
    const count = Math.min(freeSlots, claimLength);
    freeSlots -= count;
    const claims = await consumer.claimUpTo(count);
    freeSlots += count - claims.length;
    for (const claim of claims) {
      const ended = work(claim, { consumer, options, free }).finally(() => running.delete(ended));
      running.add(ended);
    }
    return claims.length > 0;
  }

  async function loop(untilMore: () => Promise<unknown>): Promise<void> {
    while (!signal.aborted) {
      if (freeSlots === 0) await until('freed');
      else if (await fill()) slots.emit('found');
      else await untilMore();
    }
  }

  // One listens for tasks; the others are told.
  const others = Array.from({ length: Math.ceil(options.concurrency / claimLength) - 1 });
  await Promise.all([
    loop(() => consumer.waitForTask(idleMs, signal)),
    ...others.map(() => loop(() => until('found'))),
  ]);
  await Promise.all(running);
}

interface WorkOptions {
  consumer: TaskConsumer;
  options: WorkerOptions;
  /** The work is done, and its result is on its way to Redis ahead of whatever is sent next. */
  free: () => void;
}

async function work(claim: Claim, { consumer, options, free }: WorkOptions): Promise<void> {
  options.onStarted(indexOf(claim.task.request));
  const until = performance.now() + options.taskMs;
  for (let frame = 1; performance.now() < until; frame += 1) {
    await delay(Math.min(options.progressMs, until - performance.now()));
    await consumer.heartbeat([{ claim, progress: { frame, frames: 1_500 } }]);
  }
  const completed = consumer.complete(claim, { duration: 30 });
  free();
  await completed;
  options.onFinished();
}

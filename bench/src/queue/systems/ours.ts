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

/** The loop of our worker process: claims for the slots that are free, waits when there is nothing to claim. */
async function workUntil(signal: AbortSignal, consumer: TaskConsumer, options: WorkerOptions): Promise<void> {
  const slots = new EventEmitter<{ freed: [] }>();
  const running = new Set<Promise<void>>();
  let busy = 0;
  const free = () => {
    busy -= 1;
    slots.emit('freed');
  };
  while (!signal.aborted) {
    if (busy >= options.concurrency) {
      await once(slots, 'freed');
      continue;
    }
    const claims = await consumer.claimUpTo(options.concurrency - busy);
    for (const claim of claims) {
      busy += 1;
      const ended = work(claim, { consumer, options, free }).finally(() => running.delete(ended));
      running.add(ended);
    }
    if (claims.length === 0) await consumer.waitForTask(idleMs, signal);
  }
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

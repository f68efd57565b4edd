import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { priorities as priorityNumbers } from '@musicgen/contract';
import { type Job, type JobsOptions, Queue, Worker } from 'bullmq';
import { indexOf, type ProducerOptions, requestOf, type System, type WorkerOptions } from './system.ts';

const queueName = 'bench';
const jobName = 'generate';
/** What BullMQ's own benchmarks hand to `addBulk` at once. */
const bulkLength = 1_000;

/** BullMQ as its documentation sets it up; finished jobs are kept, as ours are until their time to live is over. */
export const bullmq: System = {
  name: 'bullmq',
  eventStream: `bull:${queueName}:events`,

  async openProducer({ url, ...options }) {
    const queue = new Queue(queueName, { connection: connectionTo(url) });
    await queue.waitUntilReady();
    return {
      enqueue: (index) => queue.add(jobName, requestOf(index), jobOptions(index, options)),
      async enqueueBulk(from, count) {
        for (let first = from; first < from + count; first += bulkLength) {
          const length = Math.min(bulkLength, from + count - first);
          await queue.addBulk(
            Array.from({ length }, (_, offset) => ({
              name: jobName,
              data: requestOf(first + offset),
              opts: jobOptions(first + offset, options),
            })),
          );
        }
      },
      close: () => queue.close(),
    };
  },

  async openWorker(options) {
    const worker = new Worker(queueName, (job) => work(job, options), {
      connection: { ...connectionTo(options.url), maxRetriesPerRequest: null },
      concurrency: options.concurrency,
    });
    worker.on('completed', options.onFinished);
    worker.on('error', (error) => console.error(`BullMQ: ${error.message}`));
    await worker.waitUntilReady();
    return { close: () => worker.close() };
  },
};

function connectionTo(url: string) {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** In BullMQ 1 is the best priority, and a job without one goes before all that have one. */
function jobOptions(index: number, { priorities, peerIds }: Omit<ProducerOptions, 'url'>): JobsOptions {
  const priority = priorities[index % priorities.length];
  return {
    ...(priority !== undefined && { priority: 21 - priorityNumbers[priority] }),
    ...(peerIds === 'uuid' && { jobId: randomUUID() }),
  };
}

async function work(job: Job, options: WorkerOptions): Promise<{ duration: number }> {
  options.onStarted(indexOf(job.data));
  const until = performance.now() + options.taskMs;
  for (let frame = 1; performance.now() < until; frame += 1) {
    await delay(Math.min(options.progressMs, until - performance.now()));
    await job.updateProgress({ frame, frames: 1_500 });
  }
  return { duration: 30 };
}

import { randomUUID } from 'node:crypto';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';
import { createKeys, type Keys } from '../keys.ts';
import type { Claim, NewTask, TaskConsumer, TaskProducer } from '../task-queue.ts';
import { patientRedisOptions, type RedisClient } from './redis-client.ts';
import { createStreamsQueue, type StreamsQueue, type StreamsQueueOptions } from './streams-queue.ts';

/** One queue under a prefix of its own, with one producer and one consumer; `close` gives everything back. */
export interface TestQueue<Client extends RedisClient = Redis> {
  redis: Client;
  queue: StreamsQueue;
  keys: Keys;
  producer: TaskProducer;
  consumer: TaskConsumer;
  createConsumer(options?: Partial<Parameters<StreamsQueue['createConsumer']>[0]>): TaskConsumer;
  enqueue(task?: Partial<NewTask>): Promise<string>;
  close(): Promise<void>;
}

/** For tests with servers of their own: what is passed in is undone after the test, the last first, even if it fails. */
export function useUndo(): (undo: () => unknown) => void {
  const undos: (() => unknown)[] = [];
  afterEach(async () => {
    for (const undo of undos.splice(0).reverse()) await undo();
  });
  return (undo) => undos.push(undo);
}

/**
 * Starts a real server for the tests of one file and returns their `setup`: each call gives a queue of its own under
 * a fresh prefix, which is closed after the test.
 */
export function useTestServer(settings: Record<string, string> = {}) {
  let server: RedisServer | undefined;
  const opened: TestQueue[] = [];

  beforeAll(async () => {
    server = await startRedisServer({ settings: { appendonly: 'no', ...settings } });
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((test) => test.close()));
  });
  afterAll(() => server?.stop());

  return async (options: Partial<StreamsQueueOptions> = {}): Promise<TestQueue> => {
    const test = await createTestQueue(connect(server?.url ?? ''), options);
    opened.push(test);
    return test;
  };
}

/** A client that waits for its server, as a worker's does. */
export function connect(url: string): Redis {
  const redis = new Redis(url, patientRedisOptions);
  // A test that stops its server wants to see how the queue takes it, not the client's own message.
  redis.on('error', () => {});
  return redis;
}

/** A queue under a prefix of its own. `close` also disconnects the client. */
export async function createTestQueue<Client extends RedisClient>(
  redis: Client,
  options: Partial<StreamsQueueOptions> = {},
): Promise<TestQueue<Client>> {
  const prefix = options.prefix ?? `test-${randomUUID()}`;
  const queue = createStreamsQueue({ redis, ...options, prefix });
  await queue.prepare();
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
  const producer = queue.createProducer();

  return {
    redis,
    queue,
    keys: createKeys(prefix),
    producer,
    consumer: createConsumer(),
    createConsumer,
    async enqueue(task) {
      const { id } = await producer.enqueue(newTask(task));
      return id;
    },
    async close() {
      if (redis.status === 'ready') await Promise.all(consumers.map((consumer) => consumer.close()));
      redis.disconnect();
    },
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

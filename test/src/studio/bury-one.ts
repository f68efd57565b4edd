import type { Task } from '@musicgen/client';
import { createStreamsQueue } from '@musicgen/queue';
import { Redis } from 'ioredis';

/** A task that uses up its attempts, as with a worker whose model computes nothing of use. */
export async function buryOne(redisUrl: string, { id, priority }: Task): Promise<void> {
  const connection = new Redis(redisUrl);
  try {
    const queue = createStreamsQueue({ redis: connection, prefix: 'musicgen' });
    const consumer = queue.createConsumer({ workerId: 'broken', priorities: [priority] });
    const claim = await consumer.claim();
    if (claim?.task.id !== id) throw new Error('Another task was claimed.');
    await consumer.fail(claim, { code: 'generation_failed', detail: 'Not a number.', retryable: false });
    await consumer.close();
  } finally {
    connection.disconnect();
  }
}

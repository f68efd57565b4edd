import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedisServer } from '@musicgen/redis-server';
import { claimOne, connect, createTestQueue, useUndo } from './test-setup.ts';

const afterwards = useUndo();

test('after a Redis that was killed comes back, nothing is lost and nobody has to be restarted', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-queue-'));
  afterwards(() => rm(folder, { recursive: true, force: true }));
  // Else what was answered in the last two seconds may be lost, where the disk is slow.
  const before = await startRedisServer({ folder, settings: { appendfsync: 'always' } });
  afterwards(() => before.stop());
  const { consumer, producer, enqueue, close } = await createTestQueue(connect(before.url));
  afterwards(close);
  const running = await enqueue({ priority: 'HIGH' });
  const waiting = await enqueue();
  const claim = await claimOne(consumer);

  before.process.kill('SIGKILL');
  await once(before.process, 'exit');
  const completion = consumer.complete(claim, { duration: 10 });
  const waited = consumer.waitForTask(100, new AbortController().signal);
  const after = await startRedisServer({ folder, port: before.port });
  afterwards(() => after.stop());

  expect(await completion).toBe('completed');
  await waited;
  expect((await claimOne(consumer)).task.id).toBe(waiting);
  expect(await producer.get(running)).toMatchObject({ status: 'completed' });
});

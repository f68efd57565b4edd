import { randomUUID } from 'node:crypto';
import { createKeys } from '../keys.ts';
import { createStreamsQueue } from '../streams/streams-queue.ts';
import { rollBack } from './set-aside.ts';
import {
  claimAll,
  contentOf,
  day,
  expectNothingToRepair,
  migrate,
  prefixOf,
  pythonTime,
  usePlaces,
  writeOlderBasic,
  writeOlderHash,
} from './test-setup.ts';

const places = usePlaces();

/** The same database and prefix for both services, with tasks of the older one's two Redis kinds. */
async function inPlace() {
  const { source: redis } = await places();
  await redis.flushdb();
  const queue = createStreamsQueue({ redis, prefix: 'musicgen' });
  const target = { redis, queue, keys: createKeys('musicgen') };
  const hash = (prompt: string, secondsAgo: number, more: object = {}) =>
    writeOlderHash(redis, {
      id: randomUUID(),
      fields: { status: 'queued', request: `{'prompt': '${prompt}'}`, ...more },
      secondsAgo,
      queue: 'normal',
      ttlSeconds: day,
    });
  await hash('second', 20);
  await hash('first', 30);
  await writeOlderBasic(
    redis,
    'job-1',
    { status: 'pending', request: { prompt: 'best' }, priority: 'critical', created_at: pythonTime(5) },
    day,
  );
  const before = await contentOf(redis);
  const run = (options: Parameters<typeof migrate>[2] = {}) =>
    migrate({ redis, prefix: 'musicgen' }, target, options);
  const createConsumer = () =>
    queue.createConsumer({ workerId: 'a', priorities: ['CRITICAL', 'HIGH', 'NORMAL', 'LOW'] });
  return { redis, queue, target, run, before, createConsumer };
}

test('what an older service left is set aside, migrated, and then the service starts', async () => {
  const { redis, queue, target, run, createConsumer } = await inPlace();
  await expect(queue.prepare()).rejects.toMatchObject({ code: 'dependency_unsupported' });
  expect(await run({ verify: true })).toMatchObject({ total: 3, migrated: 3, verified: 3, failed: 0 });
  await queue.prepare();
  await expectNothingToRepair(target);
  const consumer = createConsumer();
  expect(await claimAll({ consumer })).toEqual(['best', 'first', 'second']);
  await consumer.close();
  expect(await redis.keys('musicgen:older:*')).toHaveLength(7);
});

test('a dry run in place counts what would be migrated and changes nothing', async () => {
  const { redis, run, before } = await inPlace();
  const report = await run({ dryRun: true });
  expect(report).toMatchObject({ total: 3, migrated: 3, tasks: { pending: { CRITICAL: 1, NORMAL: 2 } } });
  expect(await contentOf(redis)).toEqual(before);
});

test('broken off after half of the keys were set aside, it goes on, and dry runs count all of them', async () => {
  const { redis, run } = await inPlace();
  await redis.rename('musicgen:task:job-1', 'musicgen:older:task:job-1');
  await redis.rename('musicgen:task:stream', 'musicgen:older:task:stream');
  expect(await run({ dryRun: true })).toMatchObject({ total: 3, migrated: 3 });
  expect(await run({ verify: true })).toMatchObject({ total: 3, migrated: 3, verified: 3 });
  expect(await run({ verify: true })).toMatchObject({ total: 3, migrated: 0, alreadyThere: 3, verified: 3 });
});

test('cleaned up, nothing of the older service is left, and there is nothing more to migrate in place', async () => {
  const { redis, run, target } = await inPlace();
  expect(await run({ cleanUp: true })).toMatchObject({ verified: 3, removed: 3, failed: 0 });
  expect(await redis.keys('musicgen:older:*')).toEqual([]);
  await expectNothingToRepair(target);
  await expect(run()).rejects.toMatchObject({
    code: 'invalid_request',
    message: expect.stringContaining('Source and target are the same place'),
  });
});

test('rolled back, everything of the older service is as it was, and nothing of ours is left', async () => {
  const { redis, run, before, queue } = await inPlace();
  await run();
  await queue.createProducer().enqueue({
    id: randomUUID(),
    priority: 'LOW',
    request: { prompt: 'new' },
    ttlSeconds: 60,
    maxAttempts: 1,
  });
  await rollBack({ redis, prefix: 'musicgen' });
  expect(await contentOf(redis)).toEqual(before);
  await expect(rollBack({ redis, prefix: 'musicgen' })).rejects.toMatchObject({ code: 'invalid_request' });
});

test('an older service that was started again is noticed: nothing of it is lost or mixed', async () => {
  const { redis, run } = await inPlace();
  await run();
  await writeOlderBasic(redis, 'job-1', { status: 'pending', request: { prompt: 'again' } }, day);
  await expect(run()).rejects.toMatchObject({
    code: 'dependency_unsupported',
    message: expect.stringContaining('musicgen:task:job-1'),
  });
});

test('a target that holds tasks of an older service is no target for those of another', async () => {
  const { target: source, another } = await places();
  await source.enqueue();
  const target = await another();
  await target.redis.del(target.keys.schema);
  await target.redis.set(target.keys.task('left'), '{"status": "pending"}');
  for (const dryRun of [true, false]) {
    const refused = migrate({ redis: source.redis, prefix: prefixOf(source) }, target, { dryRun });
    await expect(refused).rejects.toMatchObject({ code: 'dependency_unsupported' });
  }
  expect(await target.redis.zcard(target.keys.expiry)).toBe(0);
});

import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describeQueue } from '../contract/describe-queue.ts';
import { claimOne, deadOf, newTask } from '../contract/test-setup.ts';
import { createStreamsQueue } from '../streams/streams-queue.ts';
import { readBasicRecord } from './basic-record.ts';
import { type BasicTestQueue, useBasicQueues } from './test-setup.ts';

const { setup, connect } = useBasicQueues();
const gone = { code: 'engine_crashed', detail: 'gone', retryable: true } as const;

describeQueue(setup);

/** The queue of the process that comes after one that has ended in order. */
async function restarted(test: BasicTestQueue): Promise<BasicTestQueue> {
  await test.queue.close();
  return setup({ prefix: test.prefix });
}

describe('a restart', () => {
  test('keeps what waits in its order, what is finished, and all that was submitted with a task', async () => {
    const test = await setup();
    const told = { owner: 'key-1', notify: 'somebody', batchId: 'b', batchIndex: 3, cost: 7, expectedMs: 9 };
    const idempotency = { key: 'order 7', requestHash: 'hash' };
    const done = await test.enqueue(told);
    await test.consumer.complete(await claimOne(test.consumer), { bytes: 5 });
    const waiting = [];
    for (let count = 0; count < 20; count++) waiting.push(await test.enqueue());
    const urgent = await test.enqueue({ ...told, priority: 'CRITICAL', idempotency });
    await test.producer.cancel(waiting.pop() ?? '');
    const before = await Promise.all([done, urgent, ...waiting].map((id) => test.producer.get(id)));

    const next = await restarted(test);
    expect(await Promise.all(before.map((task) => next.producer.get(task?.id ?? '')))).toEqual(before);
    expect(await next.producer.notice(urgent)).toBe('somebody');
    const again = await next.producer.enqueue(newTask({ owner: 'key-1', idempotency }));
    expect(again.id).toBe(urgent);
    expect(await next.queue.createMonitor().counts()).toMatchObject({
      pending: 20,
      completed: 1,
      cancelled: 1,
    });
    for (const id of [urgent, ...waiting]) expect((await claimOne(next.consumer)).task.id).toBe(id);
  });

  test('gives what was worked on back to its place with its checkpoint, and counts the loss', async () => {
    const test = await setup();
    const [lost, cancelled] = [await test.enqueue(), await test.enqueue()];
    await test.enqueue();
    const claim = await claimOne(test.consumer);
    await claimOne(test.consumer);
    await test.producer.cancel(cancelled);
    await test.consumer.heartbeat([{ claim, checkpoint: Buffer.from('codes so far') }]);

    const next = await restarted(test);
    expect(await next.producer.get(cancelled)).toMatchObject({ status: 'cancelled' });
    expect(await next.producer.get(lost)).toMatchObject({ status: 'pending', attempt: 0, stalls: 1 });
    const resumed = await claimOne(next.consumer);
    expect([resumed.task.id, String(resumed.checkpoint)]).toEqual([lost, 'codes so far']);
    expect(await test.consumer.complete(claim, {})).toBe('completed');
    expect(await next.producer.get(lost)).toMatchObject({ status: 'processing' });
  });

  test('a task that takes process after process down ends as a dead letter', async () => {
    let test = await setup();
    const id = await test.enqueue();
    for (let loss = 0; loss < 4; loss++) {
      await claimOne(test.consumer);
      test = await restarted(test);
    }
    expect(await test.producer.get(id)).toMatchObject({ status: 'failed', error: { code: 'worker_lost' } });
    expect(await deadOf(test.queue)).toEqual([id]);
    expect(await deadOf((await restarted(test)).queue)).toEqual([id]);
  });

  test('keeps retries, pauses, what was removed, artifacts to remove, and turns that nobody has acknowledged', async () => {
    const test = await setup();
    const retried = await test.enqueue({ notify: 'a' });
    const consumer = test.createConsumer({ retry: { baseMs: 1, capMs: 1, random: () => 0 } });
    await consumer.fail(await claimOne(consumer), gone);
    await test.queue.createAdmin().pause('LOW');
    const erased = await test.enqueue();
    await test.producer.erase(erased);
    const [told] = await test.queue.createOutboxReader({ consumerName: 'api' }).read(10);

    const next = await restarted(test);
    expect(await next.queue.createAdmin().paused()).toEqual(['LOW']);
    expect(await next.producer.wasRemoved(erased)).toBe(true);
    const removed: string[] = [];
    await next.queue.createJanitor({ removeArtifacts: async (id) => void removed.push(id) }).clean();
    expect(removed).toEqual([erased]);
    expect(await next.queue.createOutboxReader({ consumerName: 'api' }).read(10)).toEqual([told]);
    expect(await next.queue.createPromoter().promote()).toBe(1);
    expect((await claimOne(next.consumer)).task.id).toBe(retried);
  });

  test('leaves nothing in Redis of tasks that are gone, but for a day their ids', async () => {
    const test = await setup();
    await test.enqueue({ notify: 'a' });
    await test.consumer.complete(await claimOne(test.consumer), {});
    await test.producer.erase(await test.enqueue());
    for (const { id } of (await test.queue.createAdmin().everyTask({ limit: 10 })).tasks)
      await test.endTime(id);
    await test.queue.createJanitor().clean();
    await test.queue.close();
    const left = (await test.redis.keys(`${test.prefix}:*`)).map((key) => key.split(':')[1]);
    expect(left.sort()).toEqual(['generation', 'removed', 'removed']);
  });
});

describe('one process only', () => {
  test('a second one is refused while the first lives, and told who has the tasks', async () => {
    const { prefix, enqueue } = await setup();
    await enqueue();
    // It waits for as long as its own lock would last.
    await expect(setup({ prefix, lockLeaseMs: 300 })).rejects.toMatchObject({
      code: 'dependency_unsupported',
      message: expect.stringMatching(`^Process ${process.pid} on .* only one process may`),
    });
  });

  test('the lock of one that died is waited for, and the dead one, should it come back, writes nothing any more', async () => {
    const frozen = await setup({ lockLeaseMs: 300 });
    const id = await frozen.enqueue();
    const claim = await claimOne(frozen.consumer);
    // Cut off for longer than its lease, it cannot renew it.
    frozen.redis.disconnect();
    await once(frozen.redis, 'end');
    const next = await setup({ prefix: frozen.prefix });
    await claimOne(next.consumer);
    await frozen.redis.connect();

    await expect(frozen.producer.enqueue(newTask())).rejects.toMatchObject({
      code: 'dependency_unavailable',
    });
    await frozen.consumer.complete(claim, { from: 'the dead' });
    const stored = readBasicRecord((await next.redis.get(next.keys.task(id))) ?? '');
    expect(stored.task).toMatchObject({ status: 'processing', stalls: 1 });
    while (frozen.takenOver.length === 0) await delay(20);
    expect(frozen.takenOver[0]?.message).toContain('only one process may');
  });

  test('what Redis has lost is written again by the process that still knows it', async () => {
    const test = await setup({ lockLeaseMs: 300 });
    const id = await test.enqueue();
    await test.redis.flushdb();
    while ((await test.redis.exists(test.keys.task(id))) === 0) await delay(20);
    expect(await (await restarted(test)).producer.get(id)).toMatchObject({ status: 'pending' });
  });
});

describe('other data under the prefix', () => {
  test.each([
    ['a task of an older service', 'task:old-1', '{"task_id":"old-1","status":"pending"}'],
    ['the mark of the advanced kind', 'schema', '1'],
  ])('%s keeps the queue from opening and stays as it is', async (_what, key, value) => {
    const redis = await connect();
    const prefix = `other-${key.replace(':', '-')}`;
    await redis.set(`${prefix}:${key}`, value);
    await expect(setup({ prefix })).rejects.toMatchObject({
      code: 'dependency_unsupported',
      message: expect.stringContaining('migrate'),
    });
    expect(await redis.keys(`${prefix}:*`)).toEqual([`${prefix}:${key}`]);
    expect(await redis.get(`${prefix}:${key}`)).toBe(value);
  });

  test('the advanced kind does not open beside tasks of the basic kind', async () => {
    const { prefix, enqueue } = await setup();
    await enqueue();
    const streams = createStreamsQueue({ redis: await connect(), prefix });
    await expect(streams.prepare()).rejects.toMatchObject({ code: 'dependency_unsupported' });
  });

  test('a record that cannot be read is told of and left alone, and the others are there', async () => {
    const test = await setup();
    const [broken, sound] = [await test.enqueue(), await test.enqueue()];
    const key = test.keys.task(broken);
    const text = ((await test.redis.get(key)) ?? '').replace('"pending"', '"sleeping"');
    await test.queue.close();
    await test.redis.set(key, text);
    const next = await setup({ prefix: test.prefix });
    expect(await next.producer.get(sound)).toBeDefined();
    expect(await next.producer.get(broken)).toBeUndefined();
    expect(await next.redis.get(key)).toBe(text);
  });
});

test('while Redis is away tasks are read, none is admitted or begun, and what ends meanwhile is written when it is back', async () => {
  const test = await setup();
  const [running, waiting] = [await test.enqueue(), await test.enqueue()];
  const claim = await claimOne(test.consumer);
  test.redis.disconnect();
  await once(test.redis, 'end');

  const refused = newTask();
  await expect(test.producer.enqueue(refused)).rejects.toMatchObject({ code: 'dependency_unavailable' });
  expect(await test.producer.get(refused.id)).toBeUndefined();
  await expect(test.consumer.claim()).rejects.toMatchObject({ code: 'dependency_unavailable' });
  expect(await test.producer.get(waiting)).toMatchObject({ status: 'pending', attempt: 0 });
  expect(await test.consumer.complete(claim, { bytes: 1 })).toBe('completed');
  expect(await test.producer.get(running)).toMatchObject({ status: 'completed' });

  await test.redis.connect();
  await test.queue.createRecoverer().recover();
  const stored = readBasicRecord((await test.redis.get(test.keys.task(running))) ?? '');
  expect(stored.task).toMatchObject({ status: 'completed', result: { bytes: 1 } });
  expect(await test.redis.exists(test.keys.task(refused.id))).toBe(0);
});

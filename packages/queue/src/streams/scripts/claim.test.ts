import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { priorityNames } from '@musicgen/contract';
import { claimOne, newTask, useTestServer } from '../test-setup.ts';

const setup = useTestServer();

describe('the order of claims', () => {
  test('one claim takes one task even when every queue holds some', async () => {
    const { enqueue, consumer, redis, keys } = await setup();
    for (const priority of priorityNames) await enqueue({ priority });
    await claimOne(consumer);
    const pending = await Promise.all(
      priorityNames.map((name) => redis.xpending(keys.stream(name), 'workers')),
    );
    expect(pending.map(([count]) => count)).toEqual([1, 0, 0, 0]);
  });
});

describe('a worker that has seen a moment ago that no queue had aged', () => {
  test('claims a task that comes back by its age', async () => {
    const { createConsumer, enqueue } = await setup();
    const [holder, worker] = [createConsumer(), createConsumer({ ageingMs: 100 })];
    const old = await enqueue();
    const claim = await claimOne(holder);
    await delay(250);
    expect(await worker.claim()).toBeUndefined();
    await holder.handBack(claim);
    await enqueue({ priority: 'HIGH' });
    expect((await claimOne(worker)).task.id).toBe(old);
  });

  test('claims a task of a queue that is resumed by its age', async () => {
    const { queue, createConsumer, enqueue } = await setup();
    const worker = createConsumer({ ageingMs: 100 });
    await queue.createAdmin().pause('NORMAL');
    const old = await enqueue();
    await delay(250);
    expect(await worker.claim()).toBeUndefined();
    await queue.createAdmin().resume('NORMAL');
    await enqueue({ priority: 'HIGH' });
    expect((await claimOne(worker)).task.id).toBe(old);
  });

  test('sees it anew behind a new connection, where there may be a server that has lost a claim', async () => {
    const { createConsumer, enqueue, redis, waitedFor } = await setup();
    const worker = createConsumer({ ageingMs: 60_000 });
    expect(await worker.claim()).toBeUndefined();
    const old = await enqueue();
    await waitedFor(old, 600_000);
    await enqueue({ priority: 'HIGH' });
    const closed = once(redis, 'close');
    redis.disconnect(true);
    await closed;
    expect((await claimOne(worker)).task.id).toBe(old);
  });

  test('does not look again and again for a task that came back and was then cancelled', async () => {
    const { createConsumer, enqueue, producer, redis, keys } = await setup();
    const worker = createConsumer();
    const id = await enqueue();
    await worker.handBack(await claimOne(worker));
    expect(await redis.smembers(keys.returned)).toEqual(['returned:NORMAL']);
    await producer.cancel(id);
    expect(await worker.claim()).toBeUndefined();
    expect(await redis.smembers(keys.returned)).toEqual([]);
  });

  test('sees it again as soon as the oldest waiting task can have aged', async () => {
    const { createConsumer, enqueue, producer } = await setup();
    const worker = createConsumer({ ageingMs: 150 });
    // At one moment, so that they age together however long the claim takes.
    const [old, first] = [newTask({ priority: 'HIGH' }), newTask({ priority: 'CRITICAL' })];
    await producer.enqueueBatch([old, first]);
    expect((await claimOne(worker)).task.id).toBe(first.id);
    await delay(350);
    await enqueue({ priority: 'CRITICAL' });
    expect((await claimOne(worker)).task.id).toBe(old.id);
  });
});

describe('a claim of several tasks', () => {
  test('passes over a task whose record cannot be read and gives the others', async () => {
    const { enqueue, consumer, redis, keys } = await setup();
    const [broken, sound] = [await enqueue(), await enqueue()];
    await redis.hset(keys.task(broken), 'maxAttempts', 'many');
    const claims = await consumer.claimUpTo(2);
    expect(claims.map(({ task }) => task.id)).toEqual([sound]);
    expect(await redis.zscore(keys.dead, broken)).not.toBeNull();
  });
});

describe('entries that are no claimable task', () => {
  test('never block the queue, however many there are, and are cleaned away', async () => {
    const { enqueue, consumer, redis, keys, queue } = await setup();
    const discarded: string[] = [];
    queue.events.on('entry:discarded', ({ reason }) => discarded.push(reason));
    for (let count = 0; count < 250; count++)
      await redis.xadd(keys.stream('NORMAL'), '*', 'id', randomUUID());
    await redis.xadd(keys.stream('NORMAL'), '*', 'rubbish', 'from elsewhere');
    const id = await enqueue();

    expect((await claimOne(consumer)).task.id).toBe(id);
    expect(discarded).toHaveLength(251);
    expect(discarded).toContain('no_id');
    expect(await redis.xlen(keys.stream('NORMAL'))).toBe(1);
  });

  test('a record that cannot be read ends as failed, and the next task is claimed', async () => {
    const { enqueue, consumer, redis, keys, queue } = await setup();
    const discarded: unknown[] = [];
    queue.events.on('entry:discarded', (event) => discarded.push(event));
    const broken = await enqueue();
    const next = await enqueue();
    await redis.del(keys.content(broken));
    expect((await claimOne(consumer)).task.id).toBe(next);
    expect(discarded).toEqual([{ priority: 'NORMAL', taskId: broken, reason: 'corrupt_record' }]);
    expect(await redis.hget(keys.task(broken), 'status')).toBe('failed');
    expect(await redis.hget(keys.task(broken), 'error')).toContain('corrupt_record');
    expect(await redis.zrange(keys.dead, '0', '-1')).toEqual([broken]);
  });

  test.each(['attempt', 'maxAttempts', 'stalls', 'createdAt', 'startedAt', 'expiresAt'])(
    'a record whose %s is no number is a dead letter, and the next task is claimed at once',
    async (field) => {
      const { createConsumer, enqueue, producer, redis, keys } = await setup();
      const [broken, next] = [await enqueue(), await enqueue()];
      await redis.hset(keys.task(broken), field, 'many');
      expect((await claimOne(createConsumer())).task.id).toBe(next);
      expect(await redis.zrange(keys.dead, '0', '-1')).toEqual([broken]);
      expect((await producer.get(broken))?.error?.code).toBe('corrupt_record');
    },
  );

  test('what is no task is set aside as a dead letter that says why, and nothing is destroyed', async () => {
    const { enqueue, consumer, producer, redis, keys } = await setup();
    const entry = await redis.xadd(keys.stream('NORMAL'), '*', 'rubbish', 'from elsewhere');
    const foreign = await enqueue();
    await redis.del(keys.task(foreign));
    await redis.set(keys.task(foreign), 'not a hash');
    const next = await enqueue();

    expect((await claimOne(consumer)).task.id).toBe(next);
    expect((await redis.zrange(keys.dead, '0', '-1')).sort()).toEqual([`entry-${entry}`, foreign].sort());
    expect(await producer.get(`entry-${entry}`)).toMatchObject({
      status: 'failed',
      error: { code: 'corrupt_record' },
      request: { found: ['rubbish', 'from elsewhere'] },
    });
    expect(await producer.get(foreign)).toMatchObject({
      status: 'failed',
      error: { code: 'corrupt_record' },
    });
    expect(await redis.get(keys.foreign(foreign))).toBe('not a hash');
  });

  test('a task whose time to live is over is expired instead of claimed', async () => {
    const { producer, enqueue, consumer } = await setup();
    const id = await enqueue({ ttlSeconds: 0 });
    expect(await consumer.claim()).toBeUndefined();
    expect(await producer.get(id)).toMatchObject({ status: 'expired' });
  });
});

describe('groups', () => {
  test('tasks enqueued before the groups existed are claimed', async () => {
    const { enqueue, consumer, redis, keys } = await setup();
    await redis.xgroup('DESTROY', keys.stream('LOW'), 'workers');
    const id = await enqueue({ priority: 'LOW' });
    expect((await claimOne(consumer)).task.id).toBe(id);
  });

  test('a flushed server gets its groups back without a restart', async () => {
    const { enqueue, consumer, redis, keys } = await setup();
    await redis.del(...priorityNames.map(keys.stream));
    expect(await consumer.claim()).toBeUndefined();
    const id = await enqueue({ priority: 'HIGH' });
    expect((await claimOne(consumer)).task.id).toBe(id);
  });
});

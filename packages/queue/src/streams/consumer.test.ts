import type { Priority } from '@musicgen/contract';
import type { Claim, TaskConsumer } from '../task-queue.ts';
import { claimOne, newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();
const engineCrashed = { code: 'engine_crashed', detail: 'The engine was killed', retryable: true } as const;

describe('fencing', () => {
  test('an attempt that lost its task can neither renew, complete, fail, cancel nor give it back', async () => {
    const { enqueue, consumer, createConsumer, producer, queue, redis, keys } = await setup();
    const id = await enqueue();
    const zombie = await claimOne(consumer);
    await queue.createRecoverer({ leaseMs: 0 }).recover();
    const owner = createConsumer({ workerId: 'owner' });
    await claimOne(owner);
    const before = await producer.get(id);

    expect(await consumer.heartbeat([{ claim: zombie, stage: 'storing' }])).toEqual(['lost']);
    expect(await consumer.complete(zombie, { from: 'the zombie' })).toBe('lost');
    expect(await consumer.fail(zombie, engineCrashed)).toBe('lost');
    expect(await consumer.acknowledgeCancel(zombie)).toBe('lost');
    expect(await consumer.handBack(zombie)).toBe('lost');

    expect(await producer.get(id)).toEqual(before);
    const [[, holder] = []] = (await redis.xpending(
      keys.stream('NORMAL'),
      'workers',
      '-',
      '+',
      1,
    )) as string[][];
    expect(holder).toBe('owner');
  });

  test('an attempt that lost its task to the queue, not yet to another worker, is told so', async () => {
    const { enqueue, consumer, queue } = await setup();
    await enqueue();
    const zombie = await claimOne(consumer);
    await queue.createRecoverer({ leaseMs: 0 }).recover();
    expect(await consumer.heartbeat([{ claim: zombie }])).toEqual(['lost']);
    expect(await consumer.complete(zombie, {})).toBe('lost');
  });

  test('an ending that is sent again, because its reply was lost, answers the same and happens once', async () => {
    const { queue, enqueue, consumer, redis, keys } = await setup();
    await enqueue();
    const completed = await claimOne(consumer);
    expect(await consumer.complete(completed, {})).toBe('completed');
    expect(await consumer.complete(completed, {})).toBe('completed');
    await enqueue();
    const failed = await claimOne(consumer);
    expect(await consumer.fail(failed, engineCrashed)).toBe('retrying');
    expect(await consumer.fail(failed, engineCrashed)).toBe('retrying');
    expect(await redis.zcard(keys.delayed)).toBe(1);
    await enqueue();
    const returned = await claimOne(consumer);
    expect(await consumer.handBack(returned)).toBe('returned');
    expect(await consumer.handBack(returned)).toBe('returned');
    expect(await queue.createMonitor().counts()).toMatchObject({ completed: 1, pending: 2 });
  });
});

describe('failing', () => {
  test('a task is retried in its own priority until its attempts are used up, then is a dead letter', async () => {
    const { enqueue, createConsumer, producer, queue, redis, keys } = await setup();
    const consumer = createConsumer({ retry: { baseMs: 0, capMs: 0 } });
    const promoter = queue.createPromoter();
    const id = await enqueue({ priority: 'HIGH', maxAttempts: 2 });

    expect(await consumer.fail(await claimOne(consumer), engineCrashed)).toBe('retrying');
    expect(await producer.get(id)).toMatchObject({
      status: 'pending',
      attempt: 1,
      error: { code: 'engine_crashed' },
    });
    expect(await consumer.claim()).toBeUndefined();

    expect(await promoter.promote()).toBe(1);
    expect(await redis.zscore(keys.waiting('HIGH'), id)).not.toBeNull();
    const claim = await claimOne(consumer);
    expect(claim.task).toMatchObject({ id, attempt: 2 });
    expect(claim.task.error).toBeUndefined();
    expect(await consumer.fail(claim, engineCrashed)).toBe('failed');
    expect(await producer.get(id)).toMatchObject({
      status: 'failed',
      error: { code: 'engine_crashed', detail: 'The engine was killed' },
    });
    expect(await redis.zrange(keys.dead, '0', '-1')).toEqual([id]);
  });

  test('a retry waits out its delay', async () => {
    const { enqueue, createConsumer, producer, queue } = await setup();
    const consumer = createConsumer({ retry: { baseMs: 60_000, capMs: 60_000, random: () => 0.5 } });
    const id = await enqueue();
    await consumer.fail(await claimOne(consumer), engineCrashed);
    expect(await queue.createPromoter().promote()).toBe(0);
    const task = await producer.get(id);
    expect(task?.retryAt).toBe((task?.updatedAt ?? 0) + 30_000);
  });

  test('what no retry can cure fails at once', async () => {
    const { enqueue, consumer } = await setup();
    await enqueue();
    expect(await consumer.fail(await claimOne(consumer), { ...engineCrashed, retryable: false })).toBe(
      'failed',
    );
  });
});

describe('cancelling a running task', () => {
  test('the next heartbeat says so, and nobody else is stopped', async () => {
    const { enqueue, consumer, producer } = await setup();
    await enqueue();
    const cancelled = await enqueue();
    const beats = [{ claim: await claimOne(consumer) }, { claim: await claimOne(consumer) }];
    await producer.cancel(cancelled);
    expect(await consumer.heartbeat(beats)).toEqual(['ok', 'cancel']);
  });

  test('the worker hears of it before the next heartbeat', async () => {
    const { enqueue, consumer, producer, redis, keys } = await setup();
    const id = await enqueue();
    await claimOne(consumer);
    const heard = new Promise((resolve) => consumer.onCancelRequested(resolve));
    while ((await redis.pubsub('NUMSUB', keys.cancelChannel))[1] === 0);
    await producer.cancel(id);
    expect(await heard).toBe(id);
  });

  test('an attempt that fails or is given back meanwhile ends as cancelled, not in another attempt', async () => {
    const { enqueue, consumer, producer } = await setup();
    for (const end of ['fail', 'handBack'] as const) {
      const id = await enqueue();
      const claim = await claimOne(consumer);
      await producer.cancel(id);
      expect(await (end === 'fail' ? consumer.fail(claim, engineCrashed) : consumer.handBack(claim))).toBe(
        'cancelled',
      );
      expect(await producer.get(id)).toMatchObject({ status: 'cancelled' });
    }
  });
});

describe('handing back', () => {
  test('keeps the place at the head of the queue, charges nothing and passes the checkpoint on', async () => {
    const { enqueue, consumer, createConsumer, producer } = await setup();
    const first = await enqueue();
    const second = await enqueue();
    const claim = await claimOne(consumer);
    expect(await consumer.handBack(claim, Buffer.from([0, 255, 10]))).toBe('returned');

    expect(await producer.get(first)).toMatchObject({ status: 'pending', attempt: 0 });
    expect(await producer.place(first)).toEqual({ position: 1, ahead: 0 });
    expect(await producer.place(second)).toEqual({ position: 2, ahead: 1 });
    const next = await claimOne(createConsumer());
    expect(next.task).toMatchObject({ id: first, attempt: 1 });
    expect(next.checkpoint).toEqual(Buffer.from([0, 255, 10]));
  });

  test('several tasks come back in the order they were enqueued in', async () => {
    const { enqueue, consumer } = await setup();
    const ids = [await enqueue(), await enqueue(), await enqueue()];
    const claims = [await claimOne(consumer), await claimOne(consumer), await claimOne(consumer)];
    for (const claim of claims.reverse()) await consumer.handBack(claim);
    for (const id of ids) expect((await claimOne(consumer)).task.id).toBe(id);
  });
});

describe('waiting', () => {
  test('ends when a task arrives for a priority that the worker serves', async () => {
    const { enqueue, createConsumer } = await setup();
    const consumer = createConsumer({ priorities: ['LOW'] });
    const waiting = consumer.waitForTask(30_000, new AbortController().signal);
    await enqueue({ priority: 'LOW' });
    await waiting;
    expect(await consumer.claim()).toBeDefined();
  });

  test('one task wakes one of the waiting workers', async () => {
    const { enqueue, createConsumer, redis } = await setup();
    const stopping = new AbortController();
    let woken = 0;
    const waits = [1, 2, 3].map(async () => {
      await createConsumer().waitForTask(30_000, stopping.signal);
      if (!stopping.signal.aborted) woken += 1;
    });
    while (blockedClients(await redis.info('clients')) < 3);
    await enqueue();
    await Promise.race(waits);
    expect(blockedClients(await redis.info('clients'))).toBe(2);
    stopping.abort();
    await Promise.all(waits);
    expect(woken).toBe(1);
  });

  test('a claim that finds nothing silences the bells of tasks that are gone', async () => {
    const { enqueue, producer, consumer, redis, keys } = await setup();
    await producer.cancel(await enqueue());
    expect(await redis.llen(keys.bell('NORMAL'))).toBe(1);
    await consumer.claim();
    expect(await redis.llen(keys.bell('NORMAL'))).toBe(0);
  });

  test('ends when the signal aborts', async () => {
    const { consumer } = await setup();
    const stopping = new AbortController();
    const waiting = consumer.waitForTask(30_000, stopping.signal);
    stopping.abort();
    await waiting;
  });

  function blockedClients(info: string): number {
    return Number(/blocked_clients:(\d+)/.exec(info)?.[1]);
  }
});

describe('closing', () => {
  test('takes the worker off the groups', async () => {
    const { enqueue, createConsumer, redis, keys } = await setup();
    const consumer = createConsumer();
    await enqueue();
    await consumer.complete(await claimOne(consumer), {});
    await consumer.close();
    expect(await redis.xinfo('CONSUMERS', keys.stream('NORMAL'), 'workers')).toEqual([]);
  });

  test('leaves what the worker still holds to be recovered', async () => {
    const { enqueue, consumer, createConsumer, queue } = await setup();
    const id = await enqueue();
    await claimOne(consumer);
    await consumer.close();
    await queue.createRecoverer({ leaseMs: 0 }).recover();
    expect((await claimOne(createConsumer())).task.id).toBe(id);
  });
});

test('running tasks complete while Redis is full, and new ones are refused', async () => {
  const { producer, enqueue, consumer, redis } = await setup();
  for (let count = 0; count < 4; count++) await enqueue();
  const held = [await claimOne(consumer), await claimOne(consumer), await claimOne(consumer)] as const;
  const waiting = (await claimOne(consumer)).task.id;
  await redis.config('SET', 'maxmemory', '1');
  try {
    await expect(producer.enqueue(newTask())).rejects.toMatchObject({ code: 'redis_full' });
    expect(await consumer.heartbeat(held.map((claim) => ({ claim, stage: 'storing' })))).toEqual([
      'ok',
      'ok',
      'ok',
    ]);
    expect(await consumer.complete(held[0], { bytes: 1 })).toBe('completed');
    expect(await consumer.fail(held[1], engineCrashed)).toBe('retrying');
    expect(await consumer.handBack(held[2])).toBe('returned');
    expect(await producer.cancel(waiting)).toBe('stopping');
    expect(await consumer.claim()).toBeDefined();
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
});

describe('making way for a CRITICAL task', () => {
  const beat = (claim: Claim) => ({ claim, stage: 'generating' as const });

  /** A worker that holds two LOW tasks and a NORMAL one, and a CRITICAL task that nobody has claimed for a while. */
  async function setupFull() {
    const test = await setup();
    const { enqueue, redis, keys } = test;
    const hold = async (consumer: TaskConsumer, priority: Priority) => {
      await enqueue({ priority });
      return await claimOne(consumer);
    };
    const older = await hold(test.consumer, 'LOW');
    const younger = await hold(test.consumer, 'LOW');
    const normal = await hold(test.consumer, 'NORMAL');
    const wait = async () => {
      const id = await enqueue({ priority: 'CRITICAL' });
      await redis.zadd(keys.waiting('CRITICAL'), Date.now() - 1_000, id);
    };
    return { ...test, hold, wait, beats: [older, younger, normal].map(beat), younger };
  }

  test('a full worker is told to hand back its youngest LOW task, once for each that waits', async () => {
    const { consumer, beats, wait, younger } = await setupFull();
    expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'ok', 'ok']);
    await wait();
    expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'yield', 'ok']);
    expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'ok', 'ok']);
    expect(await consumer.handBack(younger, Buffer.from('codes'))).toBe('returned');
    expect((await claimOne(consumer)).task.priority).toBe('CRITICAL');
    const again = await claimOne(consumer);
    expect(again).toMatchObject({ task: { id: younger.task.id, attempt: 1, stalls: 0 } });
    expect(String(again.checkpoint)).toBe('codes');
  });

  test('of two full workers one is told so', async () => {
    const { consumer, createConsumer, beats, hold, wait } = await setupFull();
    const other = createConsumer();
    const held = await hold(other, 'LOW');
    await wait();
    expect(await other.heartbeat([beat(held)], 'full')).toEqual(['yield']);
    expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'ok', 'ok']);
  });

  test('nobody is while it may still be claimed by an idle worker, or cannot be claimed at all', async () => {
    const { consumer, createConsumer, enqueue, queue, redis, keys, hold, wait, beats } = await setupFull();
    const id = await enqueue({ priority: 'CRITICAL' });
    await redis.zadd(keys.waiting('CRITICAL'), Date.now() + 60_000, id);
    expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'ok', 'ok']);
    await wait();
    await queue.createAdmin().pause('CRITICAL');
    expect(await consumer.heartbeat(beats, 'full')).toEqual(['ok', 'ok', 'ok']);
    await queue.createAdmin().resume('CRITICAL');
    expect(await consumer.heartbeat(beats)).toEqual(['ok', 'ok', 'ok']);
    const low = createConsumer({ priorities: ['LOW'] });
    const held = await hold(low, 'LOW');
    expect(await low.heartbeat([beat(held)], 'full')).toEqual(['ok']);
  });
});

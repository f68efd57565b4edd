import { randomUUID } from 'node:crypto';
import { type Priority, priorityNames } from '@musicgen/contract';
import { claimOne, newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();
const engineCrashed = { code: 'engine_crashed', detail: 'The engine was killed', retryable: true } as const;

describe('the order of claims', () => {
  test('the best priority goes first, and inside a priority the oldest', async () => {
    const { enqueue, consumer } = await setup();
    const ids = new Map<Priority, string[]>(priorityNames.map((name) => [name, []]));
    for (const priority of ['LOW', 'CRITICAL', 'NORMAL', 'HIGH', 'LOW', 'CRITICAL'] as const) {
      ids.get(priority)?.push(await enqueue({ priority }));
    }
    const claimed: string[] = [];
    for (let claim = await consumer.claim(); claim !== undefined; claim = await consumer.claim()) {
      claimed.push(claim.task.id);
    }
    expect(claimed).toEqual([...ids.values()].flat());
  });

  test('one claim takes one task even when every queue holds some', async () => {
    const { enqueue, consumer, redis, keys } = await setup();
    for (const priority of priorityNames) await enqueue({ priority });
    await claimOne(consumer);
    const pending = await Promise.all(
      priorityNames.map((name) => redis.xpending(keys.stream(name), 'workers')),
    );
    expect(pending.map(([count]) => count)).toEqual([1, 0, 0, 0]);
  });

  test('a worker takes only the priorities it serves', async () => {
    const { enqueue, createConsumer } = await setup();
    await enqueue({ priority: 'LOW' });
    const consumer = createConsumer({ priorities: ['HIGH', 'CRITICAL'] });
    expect(await consumer.claim()).toBeUndefined();
    const critical = await enqueue({ priority: 'CRITICAL' });
    expect((await claimOne(consumer)).task.id).toBe(critical);
  });

  test('a queue whose oldest task has waited n ageing periods counts n levels higher', async () => {
    const { enqueue, createConsumer, redis, keys } = await setup();
    const consumer = createConsumer({ ageingMs: 60_000 });
    const old = await enqueue({ priority: 'LOW' });
    await enqueue({ priority: 'HIGH' });
    const critical = await enqueue({ priority: 'CRITICAL' });
    const waitedMinutes = async (minutes: number) =>
      redis.zadd(keys.waiting('LOW'), 'XX', Date.now() - minutes * 60_000 - 1_000, old);

    await waitedMinutes(3);
    expect((await claimOne(consumer)).task.id).toBe(critical);
    expect((await claimOne(consumer)).task.id).toBe(old);
  });

  test('ageing lifts a LOW task past fresh CRITICAL ones after four periods, not earlier', async () => {
    const { enqueue, createConsumer, redis, keys } = await setup();
    const consumer = createConsumer({ ageingMs: 60_000 });
    const old = await enqueue({ priority: 'LOW' });
    await redis.zadd(keys.waiting('LOW'), 'XX', Date.now() - 239_000, old);
    const first = await enqueue({ priority: 'CRITICAL' });
    await enqueue({ priority: 'CRITICAL' });
    expect((await claimOne(consumer)).task.id).toBe(first);
    await redis.zadd(keys.waiting('LOW'), 'XX', Date.now() - 241_000, old);
    expect((await claimOne(consumer)).task.id).toBe(old);
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
    const { enqueue, consumer, redis, keys } = await setup();
    const broken = await enqueue();
    const next = await enqueue();
    await redis.hdel(keys.task(broken), 'request');
    expect((await claimOne(consumer)).task.id).toBe(next);
    expect(await redis.hget(keys.task(broken), 'status')).toBe('failed');
    expect(await redis.hget(keys.task(broken), 'error')).toContain('corrupt_record');
  });

  test('another type under a task key is skipped', async () => {
    const { enqueue, consumer, redis, keys } = await setup();
    const foreign = await enqueue();
    await redis.del(keys.task(foreign));
    await redis.set(keys.task(foreign), 'not a hash');
    const next = await enqueue();
    expect((await claimOne(consumer)).task.id).toBe(next);
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
    const { enqueue, consumer, redis, keys } = await setup();
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
    expect(await redis.hget(keys.counters, 'completed:NORMAL')).toBe('1');
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
    expect(await redis.zrange(keys.dead, 0, -1)).toEqual([id]);
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
    await expect(producer.enqueue(newTask())).rejects.toMatchObject({ code: 'dependency_unavailable' });
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

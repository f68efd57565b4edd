import { setTimeout as delay } from 'node:timers/promises';
import { claimOne, deadOf, newTask, type SetupQueue, tasksOf } from './test-setup.ts';

const broken = { code: 'generation_failed', detail: 'Not a number', retryable: true } as const;

function expectWithin(value: number | undefined, least: number, most: number): void {
  expect(value).toBeGreaterThanOrEqual(least);
  expect(value).toBeLessThanOrEqual(most);
}

/** What operators see and do. */
export function describeLooking(setup: SetupQueue): void {
  test('dead letters are listed page by page, the latest first', async () => {
    const { queue, consumer, enqueue, diedAt } = await setup();
    const ids: string[] = [];
    for (let count = 1; count <= 3; count++) {
      ids.unshift(await enqueue({ maxAttempts: 1 }));
      await consumer.fail(await claimOne(consumer), broken);
      await diedAt(ids[0] ?? '', count);
    }
    const admin = queue.createAdmin();
    const first = await admin.deadLetters({ limit: 2 });
    const second = await admin.deadLetters({ limit: 2, cursor: first.next ?? '' });
    expect([...first.tasks, ...second.tasks].map(({ id }) => id)).toEqual(ids);
    expect(first.tasks[0]?.error).toEqual({ code: 'generation_failed', detail: 'Not a number' });
    expect(second.next).toBeUndefined();
  });

  test('dead letters that leave the list between two pages make no other be passed over', async () => {
    const { queue, consumer, enqueue, diedAt } = await setup();
    const ids: string[] = [];
    for (let count = 0; count < 7; count++) {
      ids.push(await enqueue({ maxAttempts: 1 }));
      await consumer.fail(await claimOne(consumer), broken);
    }
    // All died in one moment, as when a store is down.
    for (const id of ids) await diedAt(id, 5);
    const admin = queue.createAdmin();
    const seen: string[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const page = await admin.deadLetters({ limit: 2, ...(cursor && { cursor }) });
      seen.push(...page.tasks.map(({ id }) => id));
      await admin.drop(page.tasks[0]?.id ?? '');
      cursor = page.next;
    }
    expect(seen.sort()).toEqual([...ids].sort());
    await expect(admin.deadLetters({ limit: 2, cursor: 'x' })).rejects.toThrow(RangeError);
  });

  test('every task comes when all are gone through, whatever its status', async () => {
    const { queue, producer, consumer, enqueue } = await setup();
    const ids: string[] = [];
    for (let count = 0; count < 300; count++) ids.push(await enqueue());
    await consumer.complete(await claimOne(consumer), { done: true });
    await producer.cancel(ids[299] ?? '');
    const admin = queue.createAdmin();
    const seen = new Set<string>();
    let pages = 0;
    for (let cursor: string | undefined = '0'; cursor !== undefined; pages++) {
      const page = await admin.everyTask({ limit: 50, cursor });
      for (const { id } of page.tasks) seen.add(id);
      cursor = page.next;
    }
    expect([...seen].sort()).toEqual([...ids].sort());
    expect(pages).toBeGreaterThan(3);
    await expect(admin.everyTask({ limit: 1, cursor: '-1' })).rejects.toThrow(RangeError);
  });

  test('a requeued dead letter has all its attempts and its time to live again', async () => {
    const { queue, producer, consumer, enqueue } = await setup();
    const id = await enqueue({ maxAttempts: 1, ttlSeconds: 600 });
    await consumer.fail(await claimOne(consumer), broken);
    const admin = queue.createAdmin();

    expect(await admin.requeue(id)).toBe(true);
    expect(await admin.requeue(id)).toBe(false);
    const task = await producer.get(id);
    expect(task).toMatchObject({ status: 'pending', attempt: 0, stalls: 0 });
    expect(task?.error).toBeUndefined();
    expect(task?.expiresAt).toBe((task?.updatedAt ?? 0) + 600_000);
    expect(await deadOf(queue)).toEqual([]);
    expect(await queue.createMonitor().counts()).toMatchObject({ pending: 1, failed: 0 });
    expect((await claimOne(consumer)).task).toMatchObject({ id, attempt: 1 });
  });

  test('a dropped dead letter leaves the list, and its task stays failed', async () => {
    const { queue, producer, consumer, enqueue } = await setup();
    const id = await enqueue({ maxAttempts: 1 });
    await consumer.fail(await claimOne(consumer), broken);
    const admin = queue.createAdmin();
    expect(await admin.drop(id)).toBe(true);
    expect(await admin.drop(id)).toBe(false);
    expect(await admin.requeue(id)).toBe(false);
    expect(await admin.deadLetters({ limit: 10 })).toEqual({ tasks: [] });
    expect(await producer.get(id)).toMatchObject({ status: 'failed' });
  });

  test('a task that merely failed is no dead letter and cannot be requeued', async () => {
    const { queue, consumer, enqueue } = await setup();
    const id = await enqueue();
    await consumer.fail(await claimOne(consumer), { ...broken, retryable: false });
    expect(await queue.createAdmin().requeue(id)).toBe(false);
  });

  test('counts follow every transition', async () => {
    const { queue, producer, consumer, enqueue } = await setup();
    const monitor = queue.createMonitor();
    for (let count = 0; count < 6; count++) await enqueue();
    await consumer.complete(await claimOne(consumer), {});
    await consumer.fail(await claimOne(consumer), { ...broken, retryable: false });
    await consumer.fail(await claimOne(consumer), broken);
    await claimOne(consumer);
    await producer.cancel(await enqueue());
    await enqueue({ ttlSeconds: 0 });
    await queue.createJanitor().clean();

    expect(await monitor.counts()).toEqual({
      pending: 3,
      processing: 1,
      completed: 1,
      failed: 1,
      cancelled: 1,
      expired: 1,
    });
    expect(await monitor.delayed()).toBe(1);
  });

  test('queues report what waits and runs, the age of their oldest task, and whether they are paused', async () => {
    const { queue, consumer, enqueue, waitedFor } = await setup();
    const old = await enqueue({ priority: 'HIGH' });
    await enqueue({ priority: 'HIGH' });
    await waitedFor(old, 60_000);
    await enqueue({ priority: 'CRITICAL' });
    await claimOne(consumer);
    await queue.createAdmin().pause('LOW');

    const [critical, high, , low] = await queue.createMonitor().queues();
    expect(critical).toEqual({ priority: 'CRITICAL', waiting: 0, running: 1, paused: false });
    expect(high).toMatchObject({ priority: 'HIGH', waiting: 2 });
    expect(high?.oldestAgeMs).toBeGreaterThanOrEqual(59_000);
    expect(low).toMatchObject({ waiting: 0, paused: true });
  });

  test('tasks are counted by priority and age from submission to removal', async () => {
    const { queue, producer, enqueue, endTime } = await setup();
    const monitor = queue.createMonitor();
    const moved = await enqueue({ priority: 'LOW' });
    const removed = await enqueue({ priority: 'LOW' });
    await enqueue({ priority: 'CRITICAL' });
    await producer.update(moved, { priority: 'HIGH' });
    await producer.cancel(removed);
    await endTime(removed);
    await queue.createJanitor().clean();

    const { byPriority, byAge } = await monitor.existing();
    expect(byPriority).toEqual({ CRITICAL: 1, HIGH: 1, NORMAL: 0, LOW: 0 });
    expect(byAge.reduce((sum, { count }) => sum + count, 0)).toBe(2);
    expect((byAge[0]?.count ?? 0) + (byAge[1]?.count ?? 0)).toBe(2);
  });

  test('performance is measured over a window, from what the transitions counted', async () => {
    const { queue, consumer, enqueue } = await setup();
    const monitor = queue.createMonitor();
    // Minutes, beside which it does not count how long the test itself takes.
    for (const tookMs of [1_000_000, 2_000_000, 3_000_000, 100_000_000]) {
      await enqueue();
      const { task, token } = await claimOne(consumer);
      await consumer.complete({ task: { ...task, updatedAt: task.updatedAt - tookMs }, token }, {});
    }
    await enqueue();
    await consumer.fail(await claimOne(consumer), { ...broken, retryable: false });
    await enqueue();
    await consumer.fail(await claimOne(consumer), broken);

    const performance = await monitor.performance(3_600_000);
    expect(performance).toMatchObject({ successRate: 0.8, retryRate: 1 / 6, completedPerMinute: 4 / 60 });
    expectWithin(performance.meanProcessingMs, 26_400_000, 26_600_000);
    expectWithin(performance.p50ProcessingMs, 2_000_000, 2_300_000);
    expectWithin(performance.p99ProcessingMs, 100_000_000, 111_000_000);
    expect(performance.p95WaitingMs).toBeGreaterThanOrEqual(1);
    expect(await monitor.performance(604_800_000)).toMatchObject({ successRate: 0.8 });
  });

  test('when a share of all tasks will have outlived their time is known', async () => {
    const { queue, enqueue, producer } = await setup();
    const { whenOutlived } = queue.createMonitor();
    expect(await whenOutlived(0.5)).toBeUndefined();
    const ids = [];
    for (const ttlSeconds of [60, 120, 600, 900]) ids.push(await enqueue({ ttlSeconds }));
    for (const [share, id = ''] of [
      [0.5, ids[1]],
      [0.01, ids[0]],
    ] as const) {
      const { expiresAt = 0 } = (await producer.get(id)) ?? {};
      // To the minute: nobody can wait for it more exactly.
      const late = ((await whenOutlived(share)) ?? 0) - expiresAt;
      expect([share, late >= 0 && late <= 60_000]).toEqual([share, true]);
    }
  });

  test('a window in which nothing happened has rates that are unknown, not zero', async () => {
    const { queue } = await setup();
    expect(await queue.createMonitor().performance(60_000)).toEqual({
      meanProcessingMs: undefined,
      p50ProcessingMs: undefined,
      p95ProcessingMs: undefined,
      p99ProcessingMs: undefined,
      p50WaitingMs: undefined,
      p95WaitingMs: undefined,
      successRate: undefined,
      retryRate: undefined,
      completed: 0,
      failed: 0,
      expired: 0,
      completedPerMinute: 0,
    });
  });

  test('trends count what happened hour by hour', async () => {
    const { queue, consumer, enqueue } = await setup();
    const hourOf = (ms: number) => Math.floor(ms / 3_600_000);
    const began = hourOf(Date.now());
    await enqueue();
    await enqueue();
    await consumer.complete(await claimOne(consumer), {});

    const trends = await queue.createMonitor().trends(3);
    const hours = trends.map(({ startsAt }) => startsAt / 3_600_000);
    const [last = 0] = hours.slice(-1);
    expect(hours).toEqual([last - 2, last - 1, last]);
    // Another one may have begun since, and have some of the counts.
    expectWithin(last, began, hourOf(Date.now()));
    const counts = trends.map(({ created, completed, failed }) => [created, completed, failed]);
    expect(counts.slice(0, began - last - 1)).toEqual(Array(2 + began - last).fill([0, 0, 0]));
    const sums = [0, 1, 2].map((kind) => counts.reduce((sum, hour) => sum + (hour[kind] ?? 0), 0));
    expect(sums).toEqual([2, 1, 0]);
  });

  test('waiting tasks are listed in claim order', async () => {
    const { queue, consumer, enqueue } = await setup();
    const ids = [await enqueue(), await enqueue(), await enqueue()];
    await consumer.handBack(await claimOne(consumer));
    const listed = await queue.createMonitor().waiting('NORMAL', 2);
    expect(listed.map(({ task }) => task.id)).toEqual(ids.slice(0, 2));
    const { task, queuedAt } = listed[0] ?? {};
    // Two readings of one clock, in this order.
    expect((queuedAt ?? 0) - (task?.createdAt ?? 0)).toBeGreaterThanOrEqual(0);
    expect((queuedAt ?? 0) - (task?.createdAt ?? 0)).toBeLessThan(60_000);
  });

  test('attempts that run for too long are listed, the longest first', async () => {
    const { queue, consumer, enqueue, ranFor } = await setup();
    const ids = [await enqueue(), await enqueue(), await enqueue()] as const;
    for (const _ of ids) await claimOne(consumer);
    await ranFor(ids[1], 2_000_000);
    await ranFor(ids[2], 3_000_000);
    const { total, tasks } = await queue.createMonitor().stalled(1_000_000, 10);
    expect(total).toBe(2);
    expect(tasks.map(({ task }) => task.id)).toEqual([ids[2], ids[1]]);
  });

  test('what runs is told with its cost and with what its worker last said it needs', async () => {
    const { queue, consumer, enqueue } = await setup();
    await enqueue({ cost: 8_000 });
    await enqueue();
    const first = await claimOne(consumer);
    // What began in one millisecond has no order.
    await delay(2);
    const second = await claimOne(consumer);
    await consumer.heartbeat([{ claim: first, progress: { frame: 10, frames: 400, remainingMs: 1_500 } }]);
    await queue.createAdmin().pause('LOW');
    const { at, processing, running, paused } = await queue.createMonitor().backlog();
    expect([processing, paused]).toEqual([2, ['LOW']]);
    expect(running).toEqual([
      {
        id: first.task.id,
        claimedAt: first.task.updatedAt,
        worker: first.task.worker,
        cost: 8_000,
        remainingMs: 1_500,
        updatedAt: expect.any(Number),
      },
      { id: second.task.id, claimedAt: second.task.updatedAt, worker: second.task.worker },
    ]);
    expect(at).toBeGreaterThanOrEqual(second.task.updatedAt);
  });

  test('how fast a slot works is what was completed, by its cost, for the time it took', async () => {
    const { queue, consumer, enqueue } = await setup();
    for (const cost of [1_000_000, 3_000_000]) {
      await enqueue({ cost });
      const { task, token } = await claimOne(consumer);
      await consumer.complete({ task: { ...task, updatedAt: task.updatedAt - 2_000_000 }, token }, {});
    }
    const { costPerSecond } = await queue.createMonitor().performance(3_600_000);
    expectWithin(costPerSecond, 990, 1_000);
  });

  test('a cost or an expectation that is no whole number is refused before anything is stored', async () => {
    const { queue, producer } = await setup();
    await expect(producer.enqueue(newTask({ cost: 1.5 }))).rejects.toThrow(/whole numbers/);
    await expect(producer.enqueue(newTask({ expectedMs: -1 }))).rejects.toThrow(/whole numbers/);
    expect(await tasksOf(queue)).toBe(0);
  });

  test('the cost of what waits follows every move of a task', async () => {
    const { queue, producer, consumer, enqueue } = await setup();
    const waiting = async () => (await queue.createMonitor().backlog()).waiting;
    const ids = [];
    for (const cost of [10_000, 300_000, 2_500, 1_000, 700])
      ids.push(await enqueue({ cost, maxAttempts: 2 }));
    expect((await waiting()).NORMAL).toEqual({ tasks: 5, cost: 314_200 });

    await producer.cancel(ids[1] ?? '');
    expect((await waiting()).NORMAL).toEqual({ tasks: 4, cost: 14_200 });
    await consumer.handBack(await claimOne(consumer));
    expect((await waiting()).NORMAL).toEqual({ tasks: 4, cost: 14_200 });
    await consumer.fail(await claimOne(consumer), broken);
    expect((await waiting()).NORMAL).toEqual({ tasks: 3, cost: 4_200 });
    await producer.update(ids[2] ?? '', { priority: 'HIGH' });
    expect(await waiting()).toMatchObject({
      NORMAL: { tasks: 2, cost: 1_700 },
      HIGH: { tasks: 1, cost: 2_500 },
    });
    await consumer.complete(await claimOne(consumer), {});
    await consumer.complete(await claimOne(consumer), {});
    expect((await waiting()).NORMAL).toEqual({ tasks: 1, cost: 700 });
  });
}

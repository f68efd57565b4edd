import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { writeBasicRecord } from '../basic/basic-record.ts';
import { claimOne, type StreamsTestQueue } from '../streams/test-setup.ts';
import { claimAll, expectNothingToRepair, migrate, prefixOf, tasksOf, usePlaces } from './test-setup.ts';

const places = usePlaces();

const prompt = (text: string) => ({ request: { prompt: text, duration: 3 } });
const failure = { code: 'engine_crashed', detail: 'gone', retryable: true } as const;

/** One task in every state that there is. */
async function fill({ enqueue, consumer, producer, queue }: StreamsTestQueue): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  const submit = async (name: string, more: Parameters<typeof enqueue>[0] = {}) => {
    ids.set(name, await enqueue({ ...prompt(name), cost: 3000, ...more }));
  };
  await submit('completed', {
    owner: 'ada',
    notify: '{"url": "https://example.org"}',
    batchId: randomUUID(),
    batchIndex: 1,
  });
  await consumer.complete(await claimOne(consumer), { bytes: 17 });
  await submit('dead', { maxAttempts: 1 });
  await consumer.fail(await claimOne(consumer), failure);
  await submit('retrying');
  await consumer.fail(await claimOne(consumer), failure);
  await submit('running', { idempotency: { key: 'k', requestHash: 'h' } });
  const running = await claimOne(consumer);
  await consumer.heartbeat([
    {
      claim: running,
      stage: 'generating',
      progress: { frame: 3, frames: 150 },
      checkpoint: Buffer.from([1, 2]),
    },
  ]);
  await submit('cancelled');
  await producer.cancel(ids.get('cancelled') ?? '');
  await submit('second');
  await submit('third', { requestId: 'request-1', expectedMs: 900 });
  await submit('best', { priority: 'CRITICAL' });
  await submit('handed back');
  const urgent = await claimOne(consumer);
  await consumer.handBack(urgent);
  expect(await queue.createReconciler().reconcile()).toBe(0);
  return ids;
}

const sourceOf = (queue: StreamsTestQueue) => ({ redis: queue.redis, prefix: prefixOf(queue) });

test('a copy under another prefix has every task in its state, order and place, and nothing to repair', async () => {
  const { target, another } = await places();
  const source = await another();
  const ids = await fill(source);
  const originals = await tasksOf(source);
  expect(await migrate(sourceOf(source), target, { verify: true })).toMatchObject({
    total: 9,
    migrated: 9,
    verified: 9,
    skipped: 0,
    failed: 0,
  });
  await expectNothingToRepair(target);

  const copies = await tasksOf(target);
  for (const name of ['completed', 'dead', 'retrying', 'cancelled', 'second', 'third', 'best']) {
    expect([name, copies.get(name)]).toEqual([name, originals.get(name)]);
  }
  expect(copies.get('running')).toMatchObject({ status: 'pending', attempt: 1 });
  expect(copies.get('running')?.stage).toBeUndefined();
  expect(await target.producer.notice(ids.get('completed') ?? '')).toBe('{"url": "https://example.org"}');
  const dead = await target.queue.createAdmin().deadLetters({ limit: 10 });
  expect(dead.tasks.map(({ id }) => id)).toEqual([ids.get('dead')]);
  const monitors = [source, target].map(({ queue }) => queue.createMonitor());
  const [before, after] = await Promise.all(monitors.map((monitor) => monitor.counts()));
  expect(after).toEqual({ ...before, pending: (before?.pending ?? 0) + 1, processing: 0 });
  const [left, right] = await Promise.all(monitors.map((monitor) => monitor.existing()));
  expect(right).toEqual(left);
  expect(await target.producer.list({ owner: 'ada', limit: 10 })).toMatchObject({
    tasks: [{ id: ids.get('completed') }],
  });
  // The same request sent once more makes no second task.
  const again = {
    ...prompt('again'),
    priority: 'LOW',
    ttlSeconds: 60,
    maxAttempts: 1,
    idempotency: { key: 'k', requestHash: 'h' },
  } as const;
  expect(await target.producer.enqueue({ id: randomUUID(), ...again })).toMatchObject({
    id: ids.get('running'),
  });

  // The one that ran stands where it stood: before those that were submitted after it.
  expect(await claimAll(target)).toEqual(['best', 'running', 'second', 'third', 'handed back']);
  expect((await target.queue.createMonitor().backlog()).waiting.NORMAL.cost).toBe(0);
});

test('cleaned up, the source has lost what was verified without a word to anyone', async () => {
  const { target, another } = await places();
  const source = await another();
  await fill(source);
  await source.consumer.close();
  const told = await source.redis.xlen(source.keys.outbox);
  expect(await migrate(sourceOf(source), target, { cleanUp: true })).toMatchObject({
    verified: 9,
    removed: 9,
    failed: 0,
  });
  expect(await tasksOf(source)).toEqual(new Map());
  expect(await source.redis.xlen(source.keys.outbox)).toBe(told);
  expect(Object.values(await source.queue.createMonitor().counts()).every((count) => count === 0)).toBe(true);
  await expectNothingToRepair(source);
});

test('a task that is not in the target as it should be is named, and then nothing is removed', async () => {
  const { target, another } = await places();
  const source = await another();
  const ids = await fill(source);
  await migrate(sourceOf(source), target);
  const { redis, keys } = target;
  await redis.set(keys.content(ids.get('completed') ?? ''), '{"prompt":"other"}\n{"bytes":18}');
  await redis.hdel(keys.task(ids.get('second') ?? ''), 'status');
  await redis.hset(keys.task(ids.get('dead') ?? ''), 'status', 'completed');
  const report = await migrate(sourceOf(source), target, { cleanUp: true });
  expect(report).toMatchObject({ migrated: 0, alreadyThere: 9, verified: 6, failed: 3, removed: 0 });
  const details = report.problems.map(({ detail }) => detail).join('\n');
  expect(details).toContain(`Task ${ids.get('completed')} of the target has another request, result`);
  expect(details).toContain(`Task ${ids.get('dead')} of the target has another status`);
  expect((await tasksOf(source)).size).toBe(9);
});

test('tasks that went on in the target meanwhile are right, also those that have been removed there', async () => {
  const { target, another } = await places();
  const source = await another();
  for (const name of ['a', 'b', 'c', 'd']) await source.enqueue(prompt(name));
  await migrate(sourceOf(source), target);
  const { consumer, producer } = target;
  await consumer.complete(await claimOne(consumer), { bytes: 1 });
  const { task } = await claimOne(consumer);
  await producer.erase(task.id);
  const waiting = (await tasksOf(target)).get('c');
  await producer.update(waiting?.id ?? '', { priority: 'LOW' });
  expect(await migrate(sourceOf(source), target, { verify: true })).toMatchObject({
    alreadyThere: 4,
    migrated: 0,
    verified: 4,
    failed: 0,
  });
  expect((await tasksOf(target)).size).toBe(3);
});

test('new tasks are accepted and worked on in the target while it runs', async () => {
  const { target, another } = await places();
  const source = await another();
  for (let index = 0; index < 60; index++) await source.enqueue(prompt(`old ${index}`));
  const done: string[] = [];
  const running = migrate(sourceOf(source), target, { verify: true });
  let ended = false;
  void running.finally(() => {
    ended = true;
  });
  let submitted = 0;
  while (!ended || done.length < 60 + submitted) {
    if (!ended) {
      await target.enqueue(prompt(`new ${submitted}`));
      submitted += 1;
    }
    const claim = await target.consumer.claim();
    if (claim === undefined) await delay(5);
    else if ((await target.consumer.complete(claim, {})) === 'completed')
      done.push(String(claim.task.request.prompt));
  }
  expect(await running).toMatchObject({ migrated: 60, verified: 60, failed: 0 });
  expect(submitted).toBeGreaterThan(3);
  expect(new Set(done).size).toBe(60 + submitted);
  expect(done.filter((name) => name.startsWith('old'))).toEqual(
    Array.from({ length: 60 }, (_, index) => `old ${index}`),
  );
  await expectNothingToRepair(target);
});

test('records of our basic kind come with all that the streams have a place for', async () => {
  const { target, source, migrate: run } = await places();
  const now = Date.now();
  const task = {
    ...prompt('basic'),
    id: randomUUID(),
    status: 'pending',
    priority: 'HIGH',
    attempt: 1,
    maxAttempts: 4,
    stalls: 1,
    createdAt: now - 5000,
    updatedAt: now - 1000,
    startedAt: now - 4000,
    expiresAt: now + 60_000,
    owner: 'ada',
  } as const;
  await source.set(
    `musicgen:task:${task.id}`,
    writeBasicRecord({
      task,
      queuedAt: now - 5000,
      notify: 'n',
      idempotency: { key: 'k', requestHash: 'h' },
    }),
  );
  const gone = {
    ...task,
    id: randomUUID(),
    status: 'failed',
    updatedAt: now,
    finishedAt: now,
    error: { code: 'out_of_memory', detail: 'full' },
    ...prompt('dead'),
  } as const;
  await source.set(`musicgen:task:${gone.id}`, writeBasicRecord({ task: gone, deadSince: now }));
  await source.set('musicgen:task:broken', '{"format": "musicgen-basic/1", "task_id": "broken"}');
  expect(await run({ verify: true })).toMatchObject({
    migrated: 2,
    verified: 2,
    skippedBecause: { unreadable_record: 1 },
  });
  const copies = await tasksOf(target);
  expect(copies.get('basic')).toEqual(task);
  expect(copies.get('dead')).toEqual(gone);
  expect(await target.producer.notice(task.id)).toBe('n');
  expect(await target.queue.createMonitor().deadLetters()).toBe(1);
});

test('while a process of the basic kind works on them, its tasks stay where they are', async () => {
  const { target, source, migrate: run } = await places();
  await source.set('musicgen:process', 'one that lives', 'PX', 15_000);
  await expect(run()).rejects.toMatchObject({ code: 'dependency_unsupported' });
  expect(await run({ dryRun: true })).toMatchObject({ total: 0 });
  expect(await tasksOf(target)).toEqual(new Map());
});

test('a migration that is told to stop stops at the next page, and goes on when it is run again', async () => {
  const { target, another } = await places();
  const source = await another();
  for (let index = 0; index < 20; index++) await source.enqueue(prompt(`${index}`));
  const stopping = new AbortController();
  const stopped = migrate(sourceOf(source), target, {
    signal: stopping.signal,
    onProgress: (_step, done) => {
      if (done >= 6) stopping.abort(new Error('stop'));
    },
  });
  await expect(stopped).rejects.toThrow('stop');
  // What is there already is seen, and waits until the others have come.
  expect(await claimAll(target)).toEqual([]);
  expect((await target.queue.createMonitor().counts()).pending).toBeGreaterThan(5);
  await expectNothingToRepair(target);
  expect(await migrate(sourceOf(source), target, { verify: true })).toMatchObject({
    verified: 20,
    failed: 0,
  });
  expect(await claimAll(target)).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`));
});

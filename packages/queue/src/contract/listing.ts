import { priorityNames } from '@musicgen/contract';
import type { TaskListing } from '../task-queue.ts';
import { claimOne, newTask, type SetupQueue, type TestQueue } from './test-setup.ts';

/** The ids of all pages, one array a page. */
async function pages(
  { producer }: TestQueue,
  listing: Omit<TaskListing, 'cursor'>,
  between: () => Promise<unknown> = async () => {},
): Promise<string[][]> {
  const found: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await producer.list({ ...listing, ...(cursor !== undefined && { cursor }) });
    found.push(page.tasks.map(({ id }) => id));
    cursor = page.nextCursor;
    await between();
  } while (cursor !== undefined);
  return found;
}

/** Pages of an owner's tasks. */
export function describeListing(setup: SetupQueue): void {
  test('tasks are listed with the latest submission first, page by page, whatever their status and priority', async () => {
    const test = await setup();
    const ids: string[] = [];
    for (const priority of [...priorityNames, ...priorityNames]) ids.push(await test.enqueue({ priority }));
    await test.consumer.complete(await claimOne(test.consumer), {});
    await claimOne(test.consumer);
    await test.producer.cancel(ids[3] ?? '');

    const found = await pages(test, { limit: 3 });
    expect(found.map((page) => page.length)).toEqual([3, 3, 2]);
    const tasks = await Promise.all(found.flat().map((id) => test.producer.get(id)));
    const times = tasks.map((task) => task?.createdAt ?? 0);
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(found.flat().sort()).toEqual([...ids].sort());
  });

  test('tasks of one millisecond are listed by their ids, each exactly once', async () => {
    const test = await setup();
    const tasks = Array.from({ length: 100 }, () => newTask());
    await test.producer.enqueueBatch(tasks);
    const ids = tasks.map(({ id }) => id).sort();
    expect((await pages(test, { limit: 7 })).flat()).toEqual(ids.reverse());
  });

  test('what is submitted or finished between two pages neither repeats nor hides what was there', async () => {
    const test = await setup();
    const ids: string[] = [];
    for (let count = 0; count < 6; count++) ids.push(await test.enqueue());
    const found = await pages(test, { limit: 2 }, async () => {
      await test.enqueue({ priority: 'CRITICAL' });
      await test.consumer.complete(await claimOne(test.consumer), {});
    });
    // What was submitted meanwhile in the same millisecond may come too.
    const seen = found.flat().filter((id) => ids.includes(id));
    expect(seen.sort()).toEqual([...ids].sort());
  });

  test('a filter by status and priority reads only tasks that pass it', async () => {
    const test = await setup();
    const { enqueue, consumer, producer } = test;
    const high = await enqueue({ priority: 'HIGH' });
    await consumer.complete(await claimOne(consumer), {});
    const low = await enqueue({ priority: 'LOW' });
    const waiting = await enqueue({ priority: 'HIGH' });
    await producer.update(low, { priority: 'NORMAL' });

    expect(await pages(test, { status: 'completed', limit: 10 })).toEqual([[high]]);
    expect(await pages(test, { status: 'pending', priority: 'HIGH', limit: 10 })).toEqual([[waiting]]);
    expect(await pages(test, { priority: 'NORMAL', limit: 10 })).toEqual([[low]]);
    expect(await pages(test, { priority: 'LOW', limit: 10 })).toEqual([[]]);
  });

  test('every way a task can go moves it to where it is found', async () => {
    const test = await setup();
    const { enqueue, consumer, producer, queue } = test;
    const broken = { code: 'engine_crashed', detail: 'gone', retryable: true } as const;
    const listed = async (status: Parameters<typeof producer.list>[0]['status']) =>
      (await producer.list({ ...(status && { status }), limit: 10 })).tasks.map(({ id }) => id);

    const id = await enqueue({ maxAttempts: 1 });
    expect(await listed('pending')).toEqual([id]);
    await consumer.handBack(await claimOne(consumer));
    expect(await listed('pending')).toEqual([id]);
    const claim = await claimOne(consumer);
    expect(await listed('processing')).toEqual([id]);
    await consumer.fail(claim, broken);
    expect(await listed('failed')).toEqual([id]);
    await queue.createAdmin().requeue(id);
    expect(await listed('pending')).toEqual([id]);
    await consumer.complete(await claimOne(consumer), {});
    expect(await listed('completed')).toEqual([id]);

    const retried = await enqueue();
    await consumer.fail(await claimOne(consumer), broken);
    expect(await listed('pending')).toEqual([retried]);
    await producer.cancel(retried);
    expect(await listed('cancelled')).toEqual([retried]);
    const late = await enqueue({ ttlSeconds: 0 });
    await queue.createJanitor().clean();
    expect(await listed('expired')).toEqual([late]);
  });

  test('owners see their own tasks only', async () => {
    const test = await setup();
    const ours = await test.enqueue({ owner: 'key-1' });
    const theirs = await test.enqueue({ owner: 'key-2' });
    const nobodys = await test.enqueue();
    expect(await pages(test, { owner: 'key-1', limit: 10 })).toEqual([[ours]]);
    expect(await pages(test, { owner: 'key-2', limit: 10 })).toEqual([[theirs]]);
    expect(await pages(test, { limit: 10 })).toEqual([[nobodys]]);
  });

  test('a limit or a cursor that cannot be is refused', async () => {
    const { producer } = await setup();
    await expect(producer.list({ limit: 0 })).rejects.toThrow(RangeError);
    await expect(producer.list({ limit: 101 })).rejects.toThrow(RangeError);
    await expect(producer.list({ limit: 1, cursor: '17-x y' })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
}

import { newTask, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('tasks asked for at once are read in one call, and each caller gets its own or its own error', async () => {
  const { producer, redis, keys } = await setup();
  const tasks = Array.from({ length: 4 }, () => newTask());
  for (const task of tasks) await producer.enqueue(task);
  const [first, corrupt, foreign, hollow] = tasks.map(({ id }) => id) as [string, string, string, string];
  await redis.hset(keys.task(corrupt), 'priority', 'SOON');
  await redis.del(keys.task(foreign));
  await redis.set(keys.task(foreign), 'no hash');
  await redis.del(keys.content(hollow));
  await redis.hset(keys.content(hollow), 'no', 'string');
  await redis.config('RESETSTAT');
  const read = [first, corrupt, foreign, hollow, 'gone', first].map((id) => producer.get(id));
  const outcomes = await Promise.allSettled(read);
  expect(await redis.info('commandstats')).toMatch(/cmdstat_eval(sha)?:calls=1,/);
  expect(outcomes).toMatchObject([
    { value: { id: first, place: { position: 1, ahead: 0 } } },
    { reason: { code: 'corrupt_record' } },
    { reason: { code: 'corrupt_record' } },
    { reason: { code: 'corrupt_record' } },
    { value: undefined },
    { value: { id: first } },
  ]);
});

test('more tasks than one call reads are read in several', async () => {
  const { producer } = await setup();
  const tasks = Array.from({ length: 130 }, () => newTask());
  await Promise.all(tasks.map((task) => producer.enqueue(task)));
  const records = await Promise.all(tasks.map(({ id }) => producer.get(id)));
  expect(records.map((record) => record?.id)).toEqual(tasks.map(({ id }) => id));
});

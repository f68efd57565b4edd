import { randomUUID } from 'node:crypto';
import { createStreamsQueue } from './streams-queue.ts';
import { useTestServer } from './test-setup.ts';

const setup = useTestServer();

/** A prefix that nobody has looked at yet, on a real server. */
async function untouched() {
  const { redis } = await setup();
  const prefix = `other-${randomUUID()}`;
  return { redis, prefix, queue: createStreamsQueue({ redis, prefix }) };
}

const olderData: [string, (prefix: string) => [command: string, ...args: string[]]][] = [
  ['a record as JSON text', (prefix) => ['SET', `${prefix}:task:1`, '{"id": "1", "status": "pending"}']],
  ['a record as a hash', (prefix) => ['HSET', `${prefix}:task:1`, 'task_id', '1', 'status', 'pending']],
  ['a note beside a record', (prefix) => ['HSET', `${prefix}:task:meta:1`, 'task_id', '1']],
  ['a stream of task ids', (prefix) => ['XADD', `${prefix}:task:stream`, '*', 'task_id', '1']],
  ['a queue scored by minus seconds', (prefix) => ['ZADD', `${prefix}:queue:high`, '-1700000000', '1']],
];

test.each(olderData)('%s is recognised, refused and left as it is', async (_, write) => {
  const { redis, prefix, queue } = await untouched();
  const [command, key = '', ...values] = write(prefix);
  await redis.call(command, key, ...values);
  const refusal = await queue.prepare().catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'dependency_unsupported' });
  expect(String(refusal)).toContain(`the key "${key}"`);
  expect(String(refusal)).toMatch(/npm run migrate -- --source redis-advanced:\/\/127\.0\.0\.1:\d+ --target/);
  expect(await redis.keys(`${prefix}:*`)).toEqual([key]);
});

test('a queue of ours from before there was a mark gets one and goes on', async () => {
  const { redis, keys, queue, enqueue, producer } = await setup();
  const id = await enqueue();
  await redis.del(keys.schema);
  await queue.prepare();
  expect(await redis.get(keys.schema)).toBe('1');
  expect(await producer.get(id)).toMatchObject({ status: 'pending' });
});

test('once marked, a prefix is not searched again', async () => {
  const { redis, queue } = await setup();
  const scan = jest.spyOn(redis, 'scanBuffer');
  await queue.prepare();
  expect(scan).not.toHaveBeenCalled();
});

test('a layout newer than ours is refused', async () => {
  const { redis, keys, queue } = await setup();
  await redis.set(keys.schema, '2');
  await expect(queue.prepare()).rejects.toMatchObject({
    code: 'dependency_unsupported',
    message: expect.stringContaining('layout 2'),
  });
});

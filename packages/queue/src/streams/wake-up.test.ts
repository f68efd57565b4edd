import { setTimeout as delay } from 'node:timers/promises';
import { useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('a worker that stops takes no wake-up with it: another one is woken at once', async () => {
  const { createConsumer, enqueue, redis } = await setup();
  const [leaving, idle] = [createConsumer(), createConsumer()];
  const waiters = async () => Number(/blocked_clients:(\d+)/.exec(await redis.info('clients'))?.[1]);
  const untilWaiting = async (count: number) => {
    while ((await waiters()) !== count) await delay(5);
  };
  await idle.claim();
  const stopping = new AbortController();
  const left = leaving.waitForTask(30_000, stopping.signal);
  // The bells wake whoever has waited longest.
  await untilWaiting(1);
  const woken = idle.waitForTask(30_000, new AbortController().signal);
  await untilWaiting(2);

  const admitted = enqueue();
  // The wake-up will be on its way to a worker that does not claim any more.
  stopping.abort();
  await Promise.all([admitted, left]);
  expect(await waiters()).toBe(0);
  await woken;
});

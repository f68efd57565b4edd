import { setTimeout as delay } from 'node:timers/promises';
import { useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('a worker that stops takes no wake-up with it: another one is woken at once', async () => {
  const { createConsumer, enqueue } = await setup();
  const [leaving, idle] = [createConsumer(), createConsumer()];
  await idle.claim();
  const stopping = new AbortController();
  const left = leaving.waitForTask(5_000, stopping.signal);
  // The bells wake whoever has waited longest.
  await delay(50);
  const woken = idle.waitForTask(5_000, new AbortController().signal);
  await delay(50);

  const startedAt = Date.now();
  const admitted = enqueue();
  // The wake-up will be on its way to a worker that does not claim any more.
  stopping.abort();
  await Promise.all([admitted, left, woken]);
  expect(Date.now() - startedAt).toBeLessThan(1_000);
});

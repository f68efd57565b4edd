import { createMemoryRateLimiter, createRateLimiter } from './rate-limiter.ts';
import { clientWithoutServer, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('processes count together, callers apart, and the answer says when to come again', async () => {
  const shared = await setup();
  const [one, other] = [createRateLimiter(shared), createRateLimiter(shared)];
  expect(await one.take('studio', 2)).toMatchObject({
    isAllowed: true,
    limit: 2,
    remaining: 1,
    isLocal: false,
  });
  expect(await other.take('studio', 2)).toMatchObject({ isAllowed: true, remaining: 0 });
  const refused = await one.take('studio', 2);
  expect(refused).toMatchObject({ isAllowed: false, remaining: 0 });
  expect(refused.resetSeconds).toBeGreaterThan(0);
  expect(refused.resetSeconds).toBeLessThanOrEqual(60);
  expect(await other.take('bot', 2)).toMatchObject({ isAllowed: true });
});

test('a count leaves nothing behind for ever', async () => {
  const shared = await setup();
  await createRateLimiter(shared).take('studio', 2);
  const keys = await shared.redis.keys(`${shared.prefix}*`);
  expect(keys).toHaveLength(1);
  expect(await shared.redis.ttl(keys[0] ?? '')).toBeGreaterThan(0);
});

test('without Redis a process counts for itself', async () => {
  const limiter = createRateLimiter(clientWithoutServer());
  expect(await limiter.take('studio', 1)).toMatchObject({ isAllowed: true, isLocal: true });
  expect(await limiter.take('studio', 1)).toMatchObject({ isAllowed: false, isLocal: true });
});

test('without any Redis the one process there is counts for all', async () => {
  const limiter = createMemoryRateLimiter();
  expect(await limiter.take('studio', 1)).toMatchObject({ isAllowed: true, remaining: 0, isLocal: false });
  expect(await limiter.take('studio', 1)).toMatchObject({ isAllowed: false, isLocal: false });
  expect(await limiter.take('bot', 1)).toMatchObject({ isAllowed: true });
});

import { createDailyQuota, createMemoryDailyQuota } from './daily-quota.ts';
import { clientWithoutServer, useTestServer } from './test-setup.ts';

const setup = useTestServer();

test('seconds are reserved all or none, for all processes together', async () => {
  const shared = await setup();
  const [one, other] = [createDailyQuota(shared), createDailyQuota(shared)];
  expect(await one.reserve({ owner: 'studio', seconds: 60.5, limit: 100 })).toMatchObject({
    remaining: 39.5,
  });
  const refused = await other.reserve({ owner: 'studio', seconds: 40, limit: 100 });
  expect(refused).toEqual({ remaining: 39.5, retryAfterSeconds: expect.any(Number) });
  expect(await one.reserve({ owner: 'studio', seconds: 39.5, limit: 100 })).toMatchObject({ remaining: 0 });
  expect(await one.reserve({ owner: 'bot', seconds: 100, limit: 100 })).toMatchObject({ remaining: 0 });
});

test('what is given back can be used again', async () => {
  const quota = createDailyQuota(await setup());
  const request = { owner: 'studio', seconds: 100, limit: 100 };
  const first = await quota.reserve(request);
  if ('retryAfterSeconds' in first) throw new Error('it was refused');
  await first.release();
  expect(await quota.reserve(request)).toMatchObject({ remaining: 0 });
});

test('many at once never get more than there is', async () => {
  const quota = createDailyQuota(await setup());
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => quota.reserve({ owner: 'studio', seconds: 10, limit: 100 })),
  );
  expect(answers.filter((answer) => 'release' in answer)).toHaveLength(10);
});

test('a refusal ends at midnight UTC, and the count with the next day', async () => {
  const shared = await setup();
  const quota = createDailyQuota(shared);
  const clock = async () => Number((await shared.redis.time())[0]);
  const before = await clock();
  const refused = await quota.reserve({ owner: 'studio', seconds: 2, limit: 1 });
  const pause = 'retryAfterSeconds' in refused ? refused.retryAfterSeconds : 0;
  // Read in between, at a second that is not known exactly.
  const midnight = (Math.floor(before / 86_400) + 1) * 86_400;
  expect(pause).toBeLessThanOrEqual(midnight - before + 1);
  expect(pause).toBeGreaterThanOrEqual(midnight - (await clock()));
  await quota.reserve({ owner: 'studio', seconds: 1, limit: 1 });
  const keys = await shared.redis.keys(`${shared.prefix}*`);
  expect(keys).toHaveLength(1);
  expect(await shared.redis.ttl(keys[0] ?? '')).toBeGreaterThan(86_400);
});

test('without Redis nothing is reserved', async () => {
  const quota = createDailyQuota(clientWithoutServer());
  await expect(quota.reserve({ owner: 'x', seconds: 1, limit: 1 })).rejects.toMatchObject({
    code: 'dependency_unavailable',
  });
});

test('without any Redis the process counts, gives back, and begins anew with the UTC day', async () => {
  let now = Date.UTC(2026, 0, 1, 23, 59, 50);
  const quota = createMemoryDailyQuota(() => now);
  const request = { owner: 'studio', seconds: 60, limit: 100 };
  const first = await quota.reserve(request);
  expect(first).toMatchObject({ remaining: 40 });
  expect(await quota.reserve(request)).toEqual({ remaining: 40, retryAfterSeconds: 10 });
  if ('release' in first) await first.release();
  expect(await quota.reserve(request)).toMatchObject({ remaining: 40 });
  now += 10_000;
  expect(await quota.reserve(request)).toMatchObject({ remaining: 40 });
});

import { createApiKey, hashApiKey, isWellFormed } from './api-key.ts';
import { keyEntriesInMemory, keyEntriesInRedis } from './key-entries.ts';
import { createKeyStore, type NewKey } from './key-store.ts';
import { clientWithoutServer, useTestServer } from './test-setup.ts';

const setup = useTestServer();
const newKey: NewKey = { name: 'studio', scopes: ['generate'], limits: {}, createdBy: 'ops' };

test('a key is shown once; Redis holds nothing that could be presented', async () => {
  const { redis, prefix } = await setup();
  const store = createKeyStore(keyEntriesInRedis({ redis, prefix }));
  const { key, stored } = await store.create(newKey);
  expect(isWellFormed(key)).toBe(true);
  expect(await store.find(hashApiKey(key))).toEqual(stored);
  expect(await store.list()).toEqual([stored]);
  const kept = JSON.stringify(await redis.hgetall(`${prefix}:api-keys`));
  expect(kept).toContain('studio');
  expect(kept).not.toContain(key.slice(4));
});

test('a key that shares only its id with a stored one is not found', async () => {
  const store = createKeyStore(keyEntriesInRedis(await setup()));
  const { key } = await store.create(newKey);
  const hash = hashApiKey(key);
  hash[31] = (hash[31] ?? 0) ^ 1;
  expect(await store.find(hash)).toBeUndefined();
  expect(await store.find(hashApiKey(createApiKey()))).toBeUndefined();
});

test('a revoked key stays in the list for 30 days, then it leaves', async () => {
  const { redis, prefix } = await setup();
  const store = createKeyStore(keyEntriesInRedis({ redis, prefix }));
  const { stored } = await store.create(newKey);
  const revoked = await store.revoke(stored.id);
  expect(revoked?.revokedAt).toBeGreaterThan(0);
  expect(await store.revoke(stored.id)).toEqual(revoked);
  expect(await store.revoke('none')).toBeUndefined();
  expect(await store.list()).toEqual([revoked]);

  const entry = JSON.parse((await redis.hget(`${prefix}:api-keys`, stored.id)) ?? '');
  entry.revokedAt -= 30 * 86_400_000 + 1;
  await redis.hset(`${prefix}:api-keys`, stored.id, JSON.stringify(entry));
  expect(await store.list()).toEqual([]);
  expect(await redis.exists(`${prefix}:api-keys`)).toBe(0);
});

test('there are at most a thousand keys', async () => {
  const { redis, prefix } = await setup();
  const store = createKeyStore(keyEntriesInRedis({ redis, prefix }));
  const { stored } = await store.create(newKey);
  const filler = Array.from({ length: 999 }, (_, index) => [`${index}`, JSON.stringify(stored)]);
  await redis.hset(`${prefix}:api-keys`, Object.fromEntries(filler));
  await expect(store.create(newKey)).rejects.toMatchObject({ code: 'key_limit' });
});

test('without any Redis keys are kept in the process', async () => {
  const store = createKeyStore(keyEntriesInMemory());
  const { key, stored } = await store.create(newKey);
  expect(await store.find(hashApiKey(key))).toEqual(stored);
  const revoked = await store.revoke(stored.id);
  expect(await store.list()).toEqual([revoked]);
  expect(await createKeyStore(keyEntriesInMemory()).list()).toEqual([]);
});

test('while Redis is away every call says so', async () => {
  const store = createKeyStore(keyEntriesInRedis(clientWithoutServer()));
  await expect(store.list()).rejects.toMatchObject({ code: 'dependency_unavailable' });
  await expect(store.find(Buffer.alloc(32))).rejects.toMatchObject({ code: 'dependency_unavailable' });
});

import { ServiceError } from '@musicgen/contract';
import { createApiKey, hashApiKey } from './api-key.ts';
import { keyEntriesInRedis } from './key-entries.ts';
import type { ConfiguredKey } from './key-list.ts';
import { createKeyStore, type NewKey } from './key-store.ts';
import { createKeyring } from './keyring.ts';
import { useTestServer } from './test-setup.ts';

const setup = useTestServer();
const newKey: NewKey = { name: 'studio', scopes: ['generate'], limits: {}, createdBy: 'ops' };
const configured = (key: string): ConfiguredKey => ({
  name: 'ops',
  scopes: ['admin'],
  limits: {},
  hash: hashApiKey(key),
});

/** A keyring whose questions to the store are recorded, and may be made to fail. */
async function createWatched({ cacheMs, keys = [] }: { cacheMs: number; keys?: ConfiguredKey[] }) {
  const store = createKeyStore(keyEntriesInRedis(await setup()));
  const asked: string[] = [];
  const state = { isAway: false };
  const keyring = createKeyring({
    configured: keys,
    cacheMs,
    store: {
      find(hash) {
        asked.push(hash.toString('hex'));
        if (state.isAway) throw new ServiceError('dependency_unavailable', 'Redis is away');
        return store.find(hash);
      },
    },
  });
  return { store, keyring, asked, state };
}

test('unknown, revoked and expired keys take the same way to the same answer', async () => {
  const { store, keyring, asked } = await createWatched({ cacheMs: 60_000 });
  const revoked = await store.create(newKey);
  await store.revoke(revoked.stored.id);
  const expired = await store.create({ ...newKey, expiresAt: Date.now() - 1 });
  for (const key of [createApiKey(), revoked.key, expired.key]) {
    // Asked twice: the second time all of them come from memory.
    expect(await keyring.find(key)).toBeUndefined();
    expect(await keyring.find(key)).toBeUndefined();
    expect(asked.splice(0)).toEqual([hashApiKey(key).toString('hex')]);
  }
});

test('a mistyped key costs no question', async () => {
  const { keyring, asked } = await createWatched({ cacheMs: 0 });
  expect(await keyring.find('mgk_mistyped')).toBeUndefined();
  expect(asked).toEqual([]);
});

test('a stored key is asked for once in a while, not on every request', async () => {
  const { store, keyring, asked } = await createWatched({ cacheMs: 60_000 });
  const { key } = await store.create(newKey);
  for (let request = 0; request < 10; request++) {
    expect(await keyring.find(key)).toMatchObject({ name: 'studio', scopes: ['generate'] });
  }
  expect(asked).toHaveLength(1);
});

test('once revoked, a key ends here at once and elsewhere with its cached answer', async () => {
  const { store, keyring } = await createWatched({ cacheMs: 60_000 });
  const elsewhere = createKeyring({ configured: [], store, cacheMs: 0 });
  const { key, stored } = await store.create(newKey);
  expect(await keyring.find(key)).toBeDefined();
  expect(await elsewhere.find(key)).toBeDefined();
  await store.revoke(stored.id);
  keyring.forget();
  expect(await keyring.find(key)).toBeUndefined();
  expect(await elsewhere.find(key)).toBeUndefined();
});

test('without Redis configured keys work, keys seen lately work, others get to know that it is away', async () => {
  const own = createApiKey();
  const { store, keyring, state } = await createWatched({ cacheMs: 0, keys: [configured(own)] });
  const { key } = await store.create(newKey);
  expect(await keyring.find(key)).toBeDefined();
  state.isAway = true;
  expect(await keyring.find(own)).toMatchObject({ name: 'ops' });
  expect(await keyring.find(key)).toMatchObject({ name: 'studio' });
  await expect(keyring.find(createApiKey())).rejects.toMatchObject({ code: 'dependency_unavailable' });
});

test('an operator may configure a key of any form', async () => {
  const { keyring } = await createWatched({ cacheMs: 0, keys: [configured('from another system')] });
  expect(await keyring.find('from another system')).toMatchObject({ name: 'ops' });
});

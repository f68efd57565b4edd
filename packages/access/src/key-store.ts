import { timingSafeEqual } from 'node:crypto';
import { ServiceError } from '@musicgen/contract';
import { createApiKey, hashApiKey } from './api-key.ts';
import type { Caller } from './caller.ts';
import type { KeyEntries } from './key-entries.ts';

/** A key that an administrator made; the key itself is not kept. Times are Unix milliseconds. */
export interface StoredKey extends Caller {
  id: string;
  createdAt: number;
  /** Who made it; nobody can say in an open service. */
  createdBy: string | undefined;
  expiresAt?: number;
  revokedAt?: number;
}

export interface NewKey extends Caller {
  createdBy: string | undefined;
  expiresAt?: number;
}

/** Keys that administrators make. Every call may throw ServiceError `dependency_unavailable`. */
export interface KeyStore {
  /**
   * Makes a key; this is the only time that it can be seen.
   * @throws ServiceError `key_limit` when there are `maxStoredKeys` already.
   */
  create(key: NewKey): Promise<{ key: string; stored: StoredKey }>;
  /** All keys, the newest first, revoked ones for 30 days more. */
  list(): Promise<StoredKey[]>;
  /** Ends a key for good, or finds none of that id. Revoking again changes nothing. */
  revoke(id: string): Promise<StoredKey | undefined>;
  /** The key with this SHA-256, revoked and expired ones too: whether it may be used is the caller's to say. */
  find(hash: Buffer): Promise<StoredKey | undefined>;
}

/** Bounds what a list costs. */
export const maxStoredKeys = 1_000;
const keptAfterEndMs = 30 * 86_400_000;

type Entry = StoredKey & { hash: string };

export function createKeyStore(kept: KeyEntries): KeyStore {
  async function read(id: string): Promise<Entry | undefined> {
    const text = await kept.get(id);
    return text === undefined ? undefined : (JSON.parse(text) as Entry);
  }
  const write = (entry: Entry) => kept.set(entry.id, JSON.stringify(entry));

  /** What ended long ago is dropped whenever somebody looks. */
  async function currentEntries(): Promise<Entry[]> {
    const all = (await kept.all()).map((text) => JSON.parse(text) as Entry);
    const over = all.filter((entry) => endOf(entry) < Date.now() - keptAfterEndMs);
    await kept.remove(over.map(({ id }) => id));
    return all.filter((entry) => !over.includes(entry));
  }

  return {
    async create(newKey) {
      if ((await currentEntries()).length >= maxStoredKeys) {
        throw new ServiceError(
          'key_limit',
          `There are ${maxStoredKeys} keys already; revoked ones leave after 30 days`,
        );
      }
      const key = createApiKey();
      const hash = hashApiKey(key);
      const stored: StoredKey = { id: idOf(hash), ...newKey, createdAt: Date.now() };
      await write({ ...stored, hash: hash.toString('hex') });
      return { key, stored };
    },
    async list() {
      const entries = await currentEntries();
      return entries.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1)).map(withoutHash);
    },
    async revoke(id) {
      const entry = await read(id);
      if (entry === undefined) return undefined;
      const revoked = { ...entry, revokedAt: entry.revokedAt ?? Date.now() };
      await write(revoked);
      return withoutHash(revoked);
    },
    async find(hash) {
      const entry = await read(idOf(hash));
      // The id is only a part of the hash.
      const isSame = entry !== undefined && timingSafeEqual(Buffer.from(entry.hash, 'hex'), hash);
      return isSame ? withoutHash(entry) : undefined;
    },
  };
}

/** Part of the hash, so that one key finds a record by id and by hash alike. Tells nobody the key. */
function idOf(hash: Buffer): string {
  return hash.toString('hex').slice(0, 24);
}

function endOf({ revokedAt, expiresAt }: StoredKey): number {
  return Math.min(revokedAt ?? Number.POSITIVE_INFINITY, expiresAt ?? Number.POSITIVE_INFINITY);
}

function withoutHash({ hash: _hash, ...stored }: Entry): StoredKey {
  return stored;
}

import { timingSafeEqual } from 'node:crypto';
import { hashApiKey, isWellFormed } from './api-key.ts';
import type { Caller } from './caller.ts';
import type { ConfiguredKey } from './key-list.ts';
import type { KeyStore, StoredKey } from './key-store.ts';

export interface KeyringOptions {
  /** Known without asking anybody: these work while Redis is away. */
  configured: readonly ConfiguredKey[];
  store: Pick<KeyStore, 'find'>;
  /** How long an answer of the store holds; a key revoked at another process works that much longer here. */
  cacheMs?: number;
  /** How long an answer holds on while the store does not answer. */
  staleMs?: number;
}

/** Finds who a presented key belongs to. */
export interface Keyring {
  /**
   * The caller, or nothing for a key that is unknown, mistyped, revoked or expired: these take the same way and get the
   * same answer, so nobody learns which it was.
   * @throws ServiceError `dependency_unavailable` when it may be a stored key and the store does not answer.
   */
  find(presented: string): Promise<Caller | undefined>;
  /** Forgets what the store has said: a key has just been revoked here. */
  forget(): void;
}

/** Bounds the memory that a flood of invented keys can take. */
const cacheLength = 10_000;

interface Answer {
  key: StoredKey | undefined;
  at: number;
}

export function createKeyring(options: KeyringOptions): Keyring {
  const { configured, store, cacheMs = 10_000, staleMs = 300_000 } = options;
  const answers = new Map<string, Answer>();

  function remember(id: string, answer: Answer): void {
    // Map keeps the order of insertion: the first is the oldest.
    const [oldest] = answers.keys();
    if (answers.size >= cacheLength && oldest !== undefined) answers.delete(oldest);
    answers.delete(id);
    answers.set(id, answer);
  }

  async function stored(hash: Buffer): Promise<StoredKey | undefined> {
    const id = hash.toString('hex');
    const known = answers.get(id);
    const age = known ? Date.now() - known.at : Number.POSITIVE_INFINITY;
    if (known && age < cacheMs) return known.key;
    try {
      const key = await store.find(hash);
      remember(id, { key, at: Date.now() });
      return key;
    } catch (error) {
      if (known?.key && age < staleMs) return known.key;
      throw error;
    }
  }

  return {
    async find(presented) {
      const hash = hashApiKey(presented);
      const own = findEqual(configured, hash);
      if (own !== undefined) return own;
      if (!isWellFormed(presented)) return undefined;
      const key = await stored(hash);
      return key !== undefined && isUsable(key) ? key : undefined;
    },
    forget: () => answers.clear(),
  };
}

/** Looks at every key, whichever it is: where the match stands changes nothing about the time. */
function findEqual(configured: readonly ConfiguredKey[], hash: Buffer): ConfiguredKey | undefined {
  return configured.filter((key) => timingSafeEqual(key.hash, hash))[0];
}

function isUsable({ revokedAt, expiresAt }: StoredKey): boolean {
  return revokedAt === undefined && (expiresAt === undefined || expiresAt > Date.now());
}

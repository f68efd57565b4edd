export { createApiKey, hashApiKey } from './api-key.ts';
export { type Caller, type CallerLimits, hasScope } from './caller.ts';
export {
  createDailyQuota,
  createMemoryDailyQuota,
  type DailyQuota,
  type QuotaRefusal,
  type Reservation,
} from './daily-quota.ts';
export { keyEntriesInMemory, keyEntriesInRedis } from './key-entries.ts';
export { type ConfiguredKey, parseKeyList } from './key-list.ts';
export { createKeyStore, type KeyStore, type NewKey, type StoredKey } from './key-store.ts';
export { createKeyring, type Keyring } from './keyring.ts';
export {
  createMemoryRateLimiter,
  createRateLimiter,
  type RateAnswer,
  type RateLimiter,
  rateWindowSeconds,
} from './rate-limiter.ts';

import { type ConfiguredKey, createKeyring } from '@musicgen/access';
import { isLoopback, trustedProxies } from './access-settings.ts';
import type { AccessOptions } from './app.ts';
import type { AccessStores } from './backend.ts';
import type { ApiConfig } from './config.ts';

type Settings = Pick<
  ApiConfig,
  | 'API_HOST'
  | 'API_ALLOW_OPEN'
  | 'API_METRICS_OPEN'
  | 'API_TRUST_PROXY'
  | 'API_CORS_ORIGINS'
  | 'API_RATE_LIMIT'
  | 'API_TASK_LIMIT'
  | 'API_DAILY_SECONDS'
> & { keys: ConfiguredKey[] | undefined };

/** Who may call, and how much, from the settings. */
export function createAccess(config: Settings, stores: AccessStores): AccessOptions {
  const { keys } = config;
  return {
    ...stores,
    keyring: keys && createKeyring({ configured: keys, store: stores.keyStore }),
    limits: {
      requestsPerMinute: config.API_RATE_LIMIT,
      concurrentTasks: config.API_TASK_LIMIT,
      secondsPerDay: config.API_DAILY_SECONDS,
    },
    areMetricsOpen: config.API_METRICS_OPEN,
    corsOrigins: config.API_CORS_ORIGINS,
    onlyThisMachine: isLoopback(config.API_HOST) && !config.API_ALLOW_OPEN,
    trustedProxies: trustedProxies(config.API_TRUST_PROXY),
  };
}

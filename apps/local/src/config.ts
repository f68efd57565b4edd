import { loadConfig, portSetting, sharedSettings } from '@musicgen/service';
import { z } from 'zod';

/** What a local run takes from the environment; the rest goes through to the processes it starts. */
const localConfigSchema = z.object({
  /** Without it a local run finds or starts a server itself, so the default does not hold here. */
  REDIS_URL: sharedSettings.REDIS_URL.unwrap().optional(),
  USE_ADVANCED_REDIS: sharedSettings.USE_ADVANCED_REDIS,
  API_PORT: portSetting(8000),
  WORKER_HEALTH_PORT: portSetting(0),
});

export type LocalConfig = z.output<typeof localConfigSchema>;

/** @throws ConfigError */
export function loadLocalConfig(env: NodeJS.ProcessEnv = process.env): LocalConfig {
  return loadConfig(localConfigSchema, env);
}

import {
  apiListenSettings,
  integerSetting,
  loadConfig,
  sharedSettings,
  taskSettings,
  withBucketKey,
} from '@musicgen/service';
import { z } from 'zod';
import { accessSettings, checkedAccess, webhookSettings } from './access-settings.ts';

/** The API's environment. */
export const apiConfigSchema = z.object({
  ...sharedSettings,
  ...taskSettings,
  QUEUE_MAX_LENGTH: integerSetting({ min: 1, max: 10_000_000, fallback: 10_000 }).describe(
    'Waiting tasks over all priorities; above it new ones are refused with 503.',
  ),
  UPLOAD_MAX_MB: integerSetting({ min: 1, max: 1024, fallback: 32 }).describe(
    'The largest audio file that may be sent to go on from.',
  ),
  UPLOAD_MAX_FILES: integerSetting({ min: 0, max: 100_000, fallback: 100 }).describe(
    'How many such files are kept for each key, or altogether where the API is open.',
  ),
  AUTOSCALE_TARGET_WAIT_SECONDS: integerSetting({ min: 1, max: 86_400, fallback: 60 }).describe(
    'The wait that the advised number of workers would leave what waits now; see /api/v1/monitoring/autoscale.',
  ),
  ...apiListenSettings,
  ...accessSettings,
  ...webhookSettings,
});

export type ApiConfig = ReturnType<typeof loadApiConfig>;

/** @throws ConfigError */
export function loadApiConfig(env: NodeJS.ProcessEnv = process.env) {
  const config = withBucketKey(loadConfig(apiConfigSchema, env));
  return { ...config, ...checkedAccess(config) };
}

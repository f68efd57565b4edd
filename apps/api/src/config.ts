import { apiListenSettings, integerSetting, loadConfig, sharedSettings } from '@musicgen/service';
import { z } from 'zod';
import { accessSettings, checkedAccess, webhookSettings } from './access-settings.ts';

/** The API's environment. */
export const apiConfigSchema = z.object({
  ...sharedSettings,
  TASK_DEFAULT_TTL: integerSetting({ min: 60, max: 604_800, fallback: 86_400 }).describe(
    'Seconds from the submission of a task to the removal of its audio, when the request names none.',
  ),
  TASK_MAX_RETRIES: integerSetting({ min: 0, max: 100, fallback: 3 }).describe(
    'How often a failed attempt is repeated.',
  ),
  QUEUE_MAX_LENGTH: integerSetting({ min: 1, max: 10_000_000, fallback: 10_000 }).describe(
    'Waiting tasks over all priorities; above it new ones are refused with 503.',
  ),
  MAX_DURATION_SECONDS: integerSetting({ min: 1, max: 3600, fallback: 300 }).describe(
    'The longest piece a request may ask for.',
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
  const config = loadConfig(apiConfigSchema, env);
  return { ...config, ...checkedAccess(config) };
}

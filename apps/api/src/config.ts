import { integerSetting, loadConfig, logLevelSetting, portSetting, redisUrlSetting } from '@musicgen/service';
import { z } from 'zod';

/** The API's environment. */
export const apiConfigSchema = z.object({
  REDIS_URL: redisUrlSetting.describe(
    'Redis 7.0 or newer, or Valkey: redis:// or rediss://, with password and database if needed.',
  ),
  TASK_KEY_PREFIX: z
    .string()
    .regex(/^[\w{}:-]{1,64}$/, 'must be 1 to 64 letters, digits, _ - : { }')
    .default('musicgen')
    .describe('Before every Redis key; `{musicgen}` on Redis Cluster.'),
  TASK_DEFAULT_TTL: integerSetting({ min: 60, max: 604_800, fallback: 86_400 }).describe(
    'Seconds from the submission of a task to the removal of its audio, when the request names none.',
  ),
  TASK_MAX_RETRIES: integerSetting({ min: 0, max: 100, fallback: 3 }).describe(
    'How often a failed attempt is repeated.',
  ),
  TASK_STALL_TIMEOUT: integerSetting({ min: 10, max: 604_800, fallback: 3600 }).describe(
    'Seconds after which a running attempt counts as stalled although its worker lives.',
  ),
  TASK_CLEANUP_INTERVAL: integerSetting({ min: 1, max: 86_400, fallback: 300 }).describe(
    'Seconds between two reconciliations of records, streams and indexes.',
  ),
  QUEUE_MAX_LENGTH: integerSetting({ min: 1, max: 10_000_000, fallback: 10_000 }).describe(
    'Waiting tasks over all priorities; above it new ones are refused with 503.',
  ),
  MAX_DURATION_SECONDS: integerSetting({ min: 1, max: 3600, fallback: 300 }).describe(
    'The longest piece a request may ask for.',
  ),
  ARTIFACT_URL: z
    .string()
    .regex(/^file:/, 'must be a file: URL')
    .default('file:.musicgen/artifacts')
    .describe('Where finished audio is kept; API and workers must see the same place.'),
  LOG_LEVEL: logLevelSetting.describe('error, warn, info or debug; only debug shows prompts.'),
  API_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address the API listens on; 0.0.0.0 opens it to the network.'),
  API_PORT: portSetting(8000).describe('Port the API listens on; 0 lets the system choose.'),
});

export type ApiConfig = z.output<typeof apiConfigSchema>;

export function loadApiConfig(): ApiConfig {
  return loadConfig(apiConfigSchema, process.env);
}

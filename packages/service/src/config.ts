import { z } from 'zod';
import { parseRedisUrl, redisUrlForms } from './redis-url.ts';

/** What is wrong with a process's environment, all of it at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: string[];

  constructor(problems: string[]) {
    super(
      `The configuration has ${problems.length} problem(s):\n${problems.map((line) => `  ${line}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/**
 * Reads a process's environment through its schema. A variable that is set but empty counts as absent, as compose
 * files and shells produce such. Values are never repeated in messages: they may be secrets.
 * @throws ConfigError naming every variable that is wrong and what is allowed.
 */
export function loadConfig<Schema extends z.ZodObject>(
  schema: Schema,
  env: NodeJS.ProcessEnv,
): z.output<Schema> {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  // Of a list, once for all its wrong parts.
  const problems = parsed.error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`);
  throw new ConfigError([...new Set(problems)]);
}

/** An environment variable that holds a whole number. */
export function integerSetting(limits: { min: number; max: number; fallback: number }) {
  return z.coerce
    .number({ error: () => `must be a whole number from ${limits.min} to ${limits.max}` })
    .int(`must be a whole number from ${limits.min} to ${limits.max}`)
    .min(limits.min)
    .max(limits.max)
    .default(limits.fallback);
}

/** A TCP port; 0 lets the system choose one. */
export function portSetting(fallback: number) {
  return integerSetting({ min: 0, max: 65_535, fallback });
}

/** A switch: `true` or `false`. */
export function booleanSetting(fallback: boolean) {
  const choice = z.enum(['true', 'false'], { error: 'must be true or false' });
  return choice.transform((value) => value === 'true').prefault(fallback ? 'true' : 'false');
}

/** A folder or file. */
export function pathSetting() {
  return z.string().regex(/^\P{Cc}+$/u, 'must be a path without control characters');
}

/** A key, token or name of another program's: one word. */
export function wordSetting() {
  return z.string().regex(/^[\x21-\x7e]+$/, 'must be one word without spaces or line breaks');
}

/** Where to listen. */
function hostSetting() {
  return z
    .string()
    .regex(/^[\w.:-]+$/, 'must be a host name or an IP address')
    .default('127.0.0.1');
}

/** Values separated by commas; none by default. */
export function listSetting(value: z.ZodType<string, string>) {
  return z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean),
    )
    .pipe(z.array(value))
    .prefault('');
}

/** Where the command line installs models and the workers find them. */
export const modelsPathSetting = pathSetting()
  .default('.musicgen/models')
  .describe('Folder of the models that `musicgen models pull` installs, each in a folder named by its id.');

/** The worker's model for requests that name none. */
export const modelPathSetting = pathSetting()
  .default('models/musicgen-micro')
  .describe('Model folder: a Hugging Face MusicGen repository with its ONNX export.');

/** Where the API listens. */
export const apiListenSettings = {
  API_HOST: hostSetting().describe('Address the API listens on; 0.0.0.0 opens it to the network.'),
  API_PORT: portSetting(8000).describe('Port the API listens on; 0 lets the system choose.'),
};

/** Where a worker answers probes and Prometheus. */
export const workerListenSettings = {
  WORKER_HEALTH_HOST: hostSetting().describe('Address of the health and metrics port.'),
  WORKER_HEALTH_PORT: portSetting(9090).describe(
    'Port for /livez, /readyz and /metrics; 0 lets the system choose.',
  ),
};

/** What a task is given and may ask for: by the API that accepts it, and by the command line that migrates it. */
export const taskSettings = {
  TASK_DEFAULT_TTL: integerSetting({ min: 60, max: 604_800, fallback: 86_400 }).describe(
    'Seconds from the submission of a task to the removal of its audio, when the request names none.',
  ),
  TASK_MAX_RETRIES: integerSetting({ min: 0, max: 100, fallback: 3 }).describe(
    'How often a failed attempt is repeated.',
  ),
  MAX_DURATION_SECONDS: integerSetting({ min: 1, max: 3600, fallback: 300 }).describe(
    'The longest piece a request may ask for.',
  ),
};

/** What API and worker must agree on, defined once. */
export const sharedSettings = {
  REDIS_URL: z
    .string()
    .refine((url) => parseRedisUrl(url) !== undefined, `must be ${redisUrlForms}`)
    .default('redis://127.0.0.1:6379')
    .describe(
      'Redis 7.0 or newer, or Valkey: redis://host:6379, redis-sentinel://host1,host2/group or redis-cluster://host1,host2; ' +
        'rediss… over TLS; with user:password@ before the hosts and /database after them if needed.',
    ),
  USE_ADVANCED_REDIS: booleanSetting(true).describe(
    'false: tasks run inside the one process that `npm start` starts, and Redis only keeps them; there is no fleet then.',
  ),
  TASK_KEY_PREFIX: z
    .string()
    .regex(/^[\w.:{}-]{1,64}$/, 'must be 1 to 64 letters, digits, _ . : { } or -')
    .default('musicgen')
    .describe('Before every Redis key; `{musicgen}` on Redis Cluster.'),
  TASK_STALL_TIMEOUT: integerSetting({ min: 10, max: 604_800, fallback: 3600 }).describe(
    'Seconds after which a running attempt counts as stalled although its worker lives.',
  ),
  TASK_CLEANUP_INTERVAL: integerSetting({ min: 1, max: 86_400, fallback: 300 }).describe(
    'Seconds between two reconciliations of records, streams and indexes.',
  ),
  ARTIFACT_URL: z
    .string()
    .regex(
      /^(file:(\/\/\/|(?!\/\/)).|s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w-][\w.-]*)*\/?$)/,
      'must be file:///an/absolute/folder, file:a/relative/one or s3://bucket/prefix',
    )
    .default('file:.musicgen/artifacts')
    .describe(
      'Where finished audio is kept: a folder (file:) or a bucket (s3://bucket/prefix). API and workers must see the same place.',
    ),
  S3_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .optional()
    .describe('With an s3: ARTIFACT_URL, the server to ask instead of Amazon.'),
  AWS_REGION: wordSetting().default('us-east-1').describe('Region of the bucket.'),
  AWS_ACCESS_KEY_ID: wordSetting().optional().describe('For an s3: ARTIFACT_URL.'),
  AWS_SECRET_ACCESS_KEY: wordSetting().optional().describe('For an s3: ARTIFACT_URL.'),
  AWS_SESSION_TOKEN: wordSetting().optional().describe('With temporary credentials.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .optional()
    .describe('Where traces are sent over OTLP/HTTP (http://collector:4318); without it there are none.'),
  LOG_LEVEL: z
    .enum(['error', 'warn', 'info', 'debug'])
    .default('info')
    .describe('error, warn, info or debug; only debug shows prompts.'),
};

interface BucketKey {
  AWS_ACCESS_KEY_ID?: string | undefined;
  AWS_SECRET_ACCESS_KEY?: string | undefined;
}

/**
 * For a process that opens the store: the settings, when a bucket comes with its key.
 * @throws ConfigError
 */
export function withBucketKey<Config extends { ARTIFACT_URL: string } & BucketKey>(config: Config): Config {
  const missing = (['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const).filter(
    (name) => config[name] === undefined,
  );
  if (!config.ARTIFACT_URL.startsWith('s3:') || missing.length === 0) return config;
  throw new ConfigError(missing.map((name) => `${name}: must be set for an s3: ARTIFACT_URL`));
}

/**
 * For a process that is one of several: the settings, when they are those of a fleet.
 * @throws ConfigError
 */
export function ofFleet<Config extends { USE_ADVANCED_REDIS: boolean }>(config: Config): Config {
  if (config.USE_ADVANCED_REDIS) return config;
  throw new ConfigError([
    'USE_ADVANCED_REDIS: with false, tasks run inside one process, which `npm start` starts; an API or a worker in a process of its own needs true',
  ]);
}

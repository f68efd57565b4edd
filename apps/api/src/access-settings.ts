import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { type ConfiguredKey, parseKeyList } from '@musicgen/access';
import { webhookSecretSchema } from '@musicgen/contract';
import { booleanSetting, ConfigError, integerSetting, listSetting, pathSetting } from '@musicgen/service';
import { createTargetPolicy } from '@musicgen/webhooks';
import { z } from 'zod';

const limit = () => integerSetting({ min: 0, max: 1_000_000_000, fallback: 0 });

/** Who may call the API, and how much. */
export const accessSettings = {
  API_KEYS: z
    .string()
    .superRefine(problemsOf(parseKeyList))
    .optional()
    .describe(
      'API keys, separated by spaces: `name:scope+scope:sha256`; see docs/security.md. Without any the API is open.',
    ),
  API_KEYS_FILE: pathSetting()
    .superRefine(problemsOf(readKeyFile))
    .optional()
    .describe('A file with API keys, one a line, for mounted secrets; added to API_KEYS.'),
  API_ALLOW_OPEN: booleanSetting(false).describe(
    'Whether an API without keys may listen on another address than loopback: everybody who reaches it may do everything.',
  ),
  API_METRICS_OPEN: booleanSetting(false).describe(
    'Whether /metrics answers without a key; otherwise it takes one with the scope monitor.',
  ),
  API_TRUST_PROXY: z
    .string()
    .regex(/^(\d{1,2}|[\da-fA-F.:/,\s]+)$/, 'must be a number of proxies or their addresses and networks')
    .optional()
    .describe(
      'Proxies before the API whose X-Forwarded-For is believed: how many, or their networks, comma-separated.',
    ),
  API_CORS_ORIGINS: listSetting(
    z
      .string()
      .refine(
        (text) => text === '*' || isOrigin(text),
        'must be origins like https://studio.example.org, or *',
      ),
  ).describe('Pages that may call the API from a browser: origins, comma-separated, or * for all.'),
  API_RATE_LIMIT: limit().describe(
    'Requests a minute for each key, or address where the API is open; 0: no limit.',
  ),
  API_TASK_LIMIT: limit().describe('Unfinished tasks for each key; 0: no limit.'),
  API_DAILY_SECONDS: limit().describe(
    'Seconds of music that each key may ask for in a UTC day; 0: no limit.',
  ),
};

/** Where webhooks may go, and how they are signed. */
export const webhookSettings = {
  WEBHOOK_SECRET: webhookSecretSchema
    .optional()
    .describe(
      'Signs webhooks that bring no secret of their own: whsec_ and the base64 of 24 to 64 random bytes.',
    ),
  WEBHOOK_ALLOW_HTTP: booleanSetting(false).describe('Whether webhooks may go to http addresses.'),
  WEBHOOK_ALLOWED_NETWORKS: listSetting(
    z.string().refine(isNetwork, 'must be networks like 10.1.0.0/16'),
  ).describe('Private networks that webhooks may go to, comma-separated: 10.1.0.0/16,fd00::/8.'),
};

type Settings = z.output<z.ZodObject<typeof accessSettings & { API_HOST: z.ZodString }>>;

/**
 * The keys, and whether the service is open. Says no to what would open it by accident.
 * @throws ConfigError
 */
export function checkedAccess(config: Settings): { keys: ConfiguredKey[] | undefined } {
  const keys = configuredKeys(config);
  if (keys === undefined && !isLoopback(config.API_HOST) && !config.API_ALLOW_OPEN) {
    throw new ConfigError([
      `API_HOST: without API_KEYS everybody who reaches ${config.API_HOST} may do everything; set API_KEYS, or API_ALLOW_OPEN=true`,
    ]);
  }
  return { keys };
}

/** What Express is to believe of `X-Forwarded-For`. */
export function trustedProxies(text: string | undefined): number | string[] | false {
  if (text === undefined) return false;
  return /^\d+$/.test(text) ? Number(text) : text.split(',').map((part) => part.trim());
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function configuredKeys({ API_KEYS, API_KEYS_FILE }: Settings): ConfiguredKey[] | undefined {
  if (API_KEYS === undefined && API_KEYS_FILE === undefined) return undefined;
  const fromFile = API_KEYS_FILE === undefined ? [] : readKeyFile(API_KEYS_FILE);
  const keys = [...parseKeyList(API_KEYS ?? ''), ...fromFile];
  if (keys.length === 0)
    throw new ConfigError(['API_KEYS: it names no key, and so nobody could call the API']);
  return keys;
}

function readKeyFile(path: string): ConfiguredKey[] {
  return parseKeyList(readOwnFile(path));
}

function readOwnFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`must be a file that can be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** What reading a value throws, as a problem of its variable beside those of all others. */
function problemsOf(read: (text: string) => unknown) {
  return (text: string, context: z.RefinementCtx) => {
    try {
      read(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    }
  };
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

function isNetwork(text: string): boolean {
  try {
    createTargetPolicy({ allowHttp: false, allowedNetworks: [text] });
    return true;
  } catch {
    return false;
  }
}

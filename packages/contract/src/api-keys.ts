import { z } from 'zod';

/** What a key may be used for: submitting and following tasks, looking at the service, running it. */
export const scopes = ['generate', 'monitor', 'admin'] as const;

export type Scope = (typeof scopes)[number];

/** Names of callers: they stand in logs, lists and Redis keys, and own tasks. */
export const callerNamePattern = /^[a-zA-Z0-9][\w-]{0,63}$/;

const limit = z.int().min(0).max(1_000_000_000).optional();

const limitsSchema = z
  .strictObject({
    requests_per_minute: limit,
    concurrent_tasks: limit.describe('Tasks that are not finished.'),
    seconds_per_day: limit.describe('Seconds of music in a UTC day.'),
  })
  .describe('Absent: the defaults of the service; 0: no limit.');

/** The body of `POST /api/v1/admin/keys`. */
export const newApiKeySchema = z.strictObject({
  name: z
    .string()
    .regex(callerNamePattern, 'must be 1 to 64 letters, digits, _ or -, and begin with a letter or digit')
    .describe('Who the key is for. Keys of one name share its tasks and limits.'),
  scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
  limits: limitsSchema.default({}),
  expires_at: z.iso.datetime({ offset: true }).optional().describe('When the key ends by itself.'),
});

export type NewApiKey = z.input<typeof newApiKeySchema>;

const time = z.iso.datetime();

export const apiKeySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(z.enum(scopes)),
    limits: limitsSchema,
    status: z.enum(['active', 'expired', 'revoked']),
    created_at: time,
    created_by: z.string().nullable().describe('The key that made it; null in an open service.'),
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
  })
  .meta({ id: 'ApiKey' });

export type ApiKey = z.infer<typeof apiKeySchema>;

/** The answer to making a key: the only one that holds it. */
export const createdApiKeySchema = apiKeySchema.extend({
  key: z.string().describe('The key itself; never shown again.'),
});

export type CreatedApiKey = z.infer<typeof createdApiKeySchema>;

export const apiKeysSchema = z.object({ keys: z.array(apiKeySchema) });

export type ApiKeys = z.infer<typeof apiKeysSchema>;

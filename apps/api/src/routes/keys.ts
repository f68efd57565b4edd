import type { StoredKey } from '@musicgen/access';
import {
  apiKeySchema,
  apiKeysSchema,
  createdApiKeySchema,
  newApiKeySchema,
  ServiceError,
} from '@musicgen/contract';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { callerOf } from '../caller.ts';
import { loggerOf } from '../logger-of.ts';
import { type Route, route } from '../openapi/route.ts';
import { timestamp, timestampOrNull } from '../timestamps.ts';

type Options = Pick<AppOptions, 'access'>;

/** API keys that administrators make; those of the environment are not listed. */
export function keyRoutes(options: Options): Route[] {
  return [createKey(options), listKeys(options), revokeKey(options)];
}

function createKey({ access: { keyStore } }: Options): Route {
  return route({
    operationId: 'createKey',
    method: 'post',
    path: '/api/v1/admin/keys',
    tag: 'Operation',
    scope: 'admin',
    summary: 'Make an API key',
    body: newApiKeySchema,
    example: { name: 'studio', scopes: ['generate'], limits: { requests_per_minute: 600 } },
    responses: {
      201: {
        description: 'The key; this is the only time that it is shown.',
        body: createdApiKeySchema,
      },
    },
    errors: [
      'malformed_json',
      'payload_too_large',
      'unsupported_media_type',
      'invalid_request',
      'key_limit',
      'redis_full',
      'dependency_unavailable',
    ],
    handle: async ({ body }, res) => {
      const { requests_per_minute, concurrent_tasks, seconds_per_day } = body.limits;
      const { key, stored } = await keyStore.create({
        name: body.name,
        scopes: body.scopes,
        limits: {
          requestsPerMinute: requests_per_minute,
          concurrentTasks: concurrent_tasks,
          secondsPerDay: seconds_per_day,
        },
        createdBy: callerOf(res).owner,
        ...(body.expires_at !== undefined && { expiresAt: Date.parse(body.expires_at) }),
      });
      loggerOf(res).info('key created', { key_id: stored.id, name: stored.name, scopes: stored.scopes });
      res.status(201).json({ ...view(stored), key });
    },
  });
}

function listKeys({ access: { keyStore } }: Options): Route {
  return route({
    operationId: 'listKeys',
    method: 'get',
    path: '/api/v1/admin/keys',
    tag: 'Operation',
    scope: 'admin',
    summary: 'API keys that were made here, without the keys themselves',
    responses: {
      200: {
        description: 'The newest first; ended ones for 30 days more.',
        body: apiKeysSchema,
      },
    },
    errors: ['dependency_unavailable'],
    handle: async (_input, res) => {
      res.json({ keys: (await keyStore.list()).map(view) });
    },
  });
}

function revokeKey({ access: { keyStore, keyring } }: Options): Route {
  return route({
    operationId: 'revokeKey',
    method: 'delete',
    path: '/api/v1/admin/keys/{id}',
    tag: 'Operation',
    scope: 'admin',
    summary: 'End an API key for good',
    description: 'At once at the API process that answers; within ten seconds at the others.',
    params: z.object({
      id: z
        .string()
        .regex(/^[\da-f-]{1,64}$/)
        .describe('The id of the key, not the key.'),
    }),
    responses: { 200: { description: 'It is revoked, now or already.', body: apiKeySchema } },
    errors: ['not_found', 'redis_full', 'dependency_unavailable'],
    handle: async ({ params }, res) => {
      const revoked = await keyStore.revoke(params.id);
      if (revoked === undefined) throw new ServiceError('not_found', 'There is no API key with this id.');
      keyring?.forget();
      loggerOf(res).info('key revoked', { key_id: revoked.id, name: revoked.name });
      res.json(view(revoked));
    },
  });
}

function view({ id, name, scopes: granted, limits, ...stored }: StoredKey): z.input<typeof apiKeySchema> {
  return {
    id,
    name,
    scopes: [...granted],
    limits: {
      requests_per_minute: limits.requestsPerMinute,
      concurrent_tasks: limits.concurrentTasks,
      seconds_per_day: limits.secondsPerDay,
    },
    status: statusOf(stored),
    created_at: timestamp(stored.createdAt),
    created_by: stored.createdBy ?? null,
    expires_at: timestampOrNull(stored.expiresAt),
    revoked_at: timestampOrNull(stored.revokedAt),
  };
}

function statusOf({ revokedAt, expiresAt }: Pick<StoredKey, 'revokedAt' | 'expiresAt'>) {
  if (revokedAt !== undefined) return 'revoked';
  return expiresAt !== undefined && expiresAt <= Date.now() ? 'expired' : 'active';
}

import type { RequestHandler } from 'express';
import type { AppOptions } from '../app.ts';
import type { Route } from '../openapi/route.ts';
import { authenticate } from './authenticate.ts';
import { rateLimit } from './rate-limit.ts';
import { refuseForeignPages } from './refuse-foreign-pages.ts';
import { requireScope } from './require-scope.ts';

/** What stands before every route that is not public: who calls it, whether he may, and how often. */
export function guard({ access, metrics }: Pick<AppOptions, 'access' | 'metrics'>) {
  const { keyring, limiter, limits } = access;
  const identify = [...(keyring === undefined ? [refuseForeignPages(access)] : []), authenticate(keyring)];
  const count = rateLimit({ limiter, requestsPerMinute: limits.requestsPerMinute, metrics });
  return ({ scope }: Route): RequestHandler[] =>
    scope === 'public' ? [] : [...identify, requireScope(scope), count];
}

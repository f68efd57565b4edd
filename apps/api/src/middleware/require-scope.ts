import { hasScope } from '@musicgen/access';
import type { Scope } from '@musicgen/contract';
import { ServiceError } from '@musicgen/contract';
import type { RequestHandler } from 'express';
import { callerOf } from '../caller.ts';

/** Lets only those pass whose key has the scope. */
export function requireScope(scope: Scope): RequestHandler {
  return (_req, res, next) => {
    if (hasScope(callerOf(res), scope)) return next();
    throw new ServiceError('forbidden', `This needs an API key with the scope "${scope}".`);
  };
}

import type { Keyring } from '@musicgen/access';
import { ServiceError } from '@musicgen/contract';
import type { Request, RequestHandler, Response } from 'express';
import { keyCaller, openCaller } from '../caller.ts';

/** No key of ours is longer, and a foreign one need not be. */
const longestKey = 256;

/**
 * Finds out who calls, for `callerOf`: the owner of the key in `Authorization: Bearer` or `X-API-Key`; without a keyring
 * the service is open to whoever reaches it. A key that is unknown, revoked or expired gets one and the same answer.
 */
export function authenticate(keyring: Keyring | undefined): RequestHandler {
  if (keyring === undefined) {
    return (req, res, next) => {
      res.locals.caller = openCaller(req);
      next();
    };
  }
  return async (req, res, next) => {
    res.locals.caller = await callerWithKey(req, res, keyring);
    next();
  };
}

async function callerWithKey(req: Request, res: Response, keyring: Keyring) {
  const [key, ...others] = new Set(presentedKeys(req));
  if (key === undefined) return refuse(res, 'Send an API key as "Authorization: Bearer" or "X-API-Key".');
  if (others.length > 0) return refuse(res, 'The request carries several different API keys.');
  const caller = key.length <= longestKey ? await keyring.find(key) : undefined;
  return caller ? keyCaller(caller) : refuse(res, 'The API key is not valid.');
}

/** All of them: where two parts of a system read different ones, one gets past the other. */
function presentedKeys({ headersDistinct }: Request): string[] {
  const authorizations = headersDistinct.authorization ?? [];
  const bearers = authorizations.map((header) => /^Bearer +(\S+)$/i.exec(header)?.[1] ?? '');
  return [...bearers, ...(headersDistinct['x-api-key'] ?? [])].map((key) => key.trim());
}

function refuse(res: Response, reason: string): never {
  res.set('WWW-Authenticate', 'Bearer realm="musicgen"');
  throw new ServiceError('unauthorized', reason);
}

import { isIP } from 'node:net';
import { ServiceError } from '@musicgen/contract';
import type { Request, RequestHandler } from 'express';
import { isAllowedOrigin } from './cors.ts';

export interface ForeignPageOptions {
  corsOrigins: readonly string[];
  /** Whether the service is reached by this machine alone, under no name but its own. */
  onlyThisMachine: boolean;
}

const unsafeMethods = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * An open service trusts whoever reaches it, and the browser of someone who does brings strangers along: any page it shows
 * can send requests here, and one whose name is turned to this address meanwhile (DNS rebinding) can read the answers
 * too. The first gives itself away by its `Origin`, the second by a `Host` that is a name.
 */
export function refuseForeignPages({ corsOrigins, onlyThisMachine }: ForeignPageOptions): RequestHandler {
  return (req, _res, next) => {
    if (onlyThisMachine && !isThisMachine(hostnameOf(req))) {
      throw new ServiceError(
        'forbidden',
        'Without API keys the service answers only under localhost or an address; set API_KEYS or API_ALLOW_OPEN.',
      );
    }
    const origin = req.get('Origin');
    const isForeign =
      origin !== undefined && !isSameOrigin(origin, req) && !isAllowedOrigin(origin, corsOrigins);
    if (isForeign && unsafeMethods.has(req.method)) {
      throw new ServiceError(
        'forbidden',
        'Pages of other sites may not do this; API_CORS_ORIGINS names those that may.',
      );
    }
    next();
  };
}

function hostnameOf(req: Request): string {
  return (req.get('Host') ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

function isThisMachine(hostname: string): boolean {
  return hostname === '' || isIP(hostname) !== 0 || /^(.+\.)?localhost\.?$/i.test(hostname);
}

function isSameOrigin(origin: string, req: Request): boolean {
  return URL.canParse(origin) && new URL(origin).host === req.get('Host');
}

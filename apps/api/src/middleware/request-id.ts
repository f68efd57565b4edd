import { randomUUID } from 'node:crypto';
import type { Logger } from '@musicgen/service';
import type { RequestHandler } from 'express';

/** What may be taken over from a caller: it ends up in headers and logs. */
const acceptable = /^[\w.:-]{1,128}$/;

/**
 * Gives every request an id, the caller's own `X-Request-Id` where it is harmless, and the logger for `loggerOf`. Both
 * are in `res.locals`; the id is also in the response's header.
 */
export function requestId(logger: Logger): RequestHandler {
  return (req, res, next) => {
    const given = req.get('X-Request-Id') ?? '';
    const id = acceptable.test(given) ? given : randomUUID();
    res.locals.requestId = id;
    res.locals.logger = logger;
    res.setHeader('X-Request-Id', id);
    next();
  };
}
